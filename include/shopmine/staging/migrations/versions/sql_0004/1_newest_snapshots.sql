ALTER TABLE clean.preparations ADD COLUMN is_snapshot boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN clean.preparations.is_snapshot IS 'the batch is the whole entity as it was: of these only the newest day counts';
UPDATE clean.preparations SET is_snapshot = true WHERE batch IN (SELECT unnest(snapshots) FROM work.manifests);

CREATE OR REPLACE VIEW clean.customers AS
SELECT DISTINCT ON (clean.all_customers.shop, clean.all_customers.customer) clean.all_customers.shop, clean.all_customers.day, clean.all_customers.batch, clean.all_customers.customer, clean.all_customers.attributes
FROM clean.all_customers JOIN clean.preparations ON clean.preparations.preparation = clean.all_customers.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_customers.shop AND work.rights.customer = clean.all_customers.customer AND work.rights.kind IN ('deletion'))) AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_customers.shop, clean.all_customers.customer, clean.all_customers.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.customers IS 'Customers 客户 as their source knows them; totals are computed for a day, never stored. As now known. The newest version of each; of snapshots those in the newest one.';

CREATE OR REPLACE VIEW clean.products AS
SELECT DISTINCT ON (clean.all_products.shop, clean.all_products.product) clean.all_products.shop, clean.all_products.day, clean.all_products.batch, clean.all_products.product, clean.all_products.name, clean.all_products.category, clean.all_products.price, clean.all_products.listed, clean.all_products.kind, clean.all_products.description, clean.all_products.image, clean.all_products.attributes
FROM clean.all_products JOIN clean.preparations ON clean.preparations.preparation = clean.all_products.preparation
WHERE clean.preparations.is_current AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_products.shop, clean.all_products.product, clean.all_products.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.products IS 'Products 商品. As now known. The newest version of each; of snapshots those in the newest one.';

CREATE OR REPLACE VIEW clean.stock AS
SELECT DISTINCT ON (clean.all_stock.shop, clean.all_stock.product, clean.all_stock.store) clean.all_stock.shop, clean.all_stock.day, clean.all_stock.batch, clean.all_stock.product, clean.all_stock.store, clean.all_stock.quantity, clean.all_stock.attributes
FROM clean.all_stock JOIN clean.preparations ON clean.preparations.preparation = clean.all_stock.preparation
WHERE clean.preparations.is_current AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_stock.shop, clean.all_stock.product, clean.all_stock.store, clean.all_stock.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.stock IS 'Stock 库存 of a product in a store. As now known. The newest version of each; of snapshots those in the newest one.';

CREATE OR REPLACE VIEW clean.campaigns AS
SELECT DISTINCT ON (clean.all_campaigns.shop, clean.all_campaigns.campaign) clean.all_campaigns.shop, clean.all_campaigns.day, clean.all_campaigns.batch, clean.all_campaigns.campaign, clean.all_campaigns.name, clean.all_campaigns.channel, clean.all_campaigns.starts, clean.all_campaigns.ends, clean.all_campaigns.cost, clean.all_campaigns.attributes
FROM clean.all_campaigns JOIN clean.preparations ON clean.preparations.preparation = clean.all_campaigns.preparation
WHERE clean.preparations.is_current AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_campaigns.shop, clean.all_campaigns.campaign, clean.all_campaigns.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.campaigns IS 'Campaigns 营销活动. As now known. The newest version of each; of snapshots those in the newest one.';

CREATE OR REPLACE VIEW clean.coupons AS
SELECT DISTINCT ON (clean.all_coupons.shop, clean.all_coupons.coupon) clean.all_coupons.shop, clean.all_coupons.day, clean.all_coupons.batch, clean.all_coupons.coupon, clean.all_coupons.campaign, clean.all_coupons.customer, clean.all_coupons.order_id, clean.all_coupons.attributes
FROM clean.all_coupons JOIN clean.preparations ON clean.preparations.preparation = clean.all_coupons.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_coupons.shop AND work.rights.customer = clean.all_coupons.customer AND work.rights.kind IN ('deletion'))) AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_coupons.shop, clean.all_coupons.coupon, clean.all_coupons.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.coupons IS 'Coupons 优惠券. As now known. The newest version of each; of snapshots those in the newest one.';

CREATE OR REPLACE VIEW clean.consents AS
SELECT DISTINCT ON (clean.all_consents.shop, clean.all_consents.customer, clean.all_consents.kind) clean.all_consents.shop, clean.all_consents.day, clean.all_consents.batch, clean.all_consents.customer, clean.all_consents.kind, clean.all_consents.at, clean.all_consents.attributes
FROM clean.all_consents JOIN clean.preparations ON clean.preparations.preparation = clean.all_consents.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_consents.shop AND work.rights.customer = clean.all_consents.customer AND work.rights.kind IN ('deletion'))) AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_consents.shop, clean.all_consents.customer, clean.all_consents.kind, clean.all_consents.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.consents IS 'What a person allows 同意; read as of now, always. As now known. The newest version of each; of snapshots those in the newest one.';

CREATE OR REPLACE VIEW clean.accounting AS
SELECT raw.batches.shop, raw.batches.source, raw.batches.entity, raw.batches.day, raw.batches.batch, coalesce(newest.is_current, false) AS is_current, newest.read, newest.expanded, newest.kept, newest.quarantined, newest.duplicates, newest.rules, raw.batches.known_at, raw.batches.known_at_assumed, raw.batches.content_hash
FROM raw.batches LEFT OUTER JOIN (SELECT DISTINCT ON (clean.preparations.batch) clean.preparations.preparation AS preparation, clean.preparations.batch AS batch, clean.preparations.shop AS shop, clean.preparations.source AS source, clean.preparations.entity AS entity, clean.preparations.day AS day, clean.preparations.rules AS rules, clean.preparations.is_current AS is_current, clean.preparations.read AS read, clean.preparations.expanded AS expanded, clean.preparations.kept AS kept, clean.preparations.quarantined AS quarantined, clean.preparations.duplicates AS duplicates, clean.preparations.is_snapshot AS is_snapshot, clean.preparations.prepared_at AS prepared_at
FROM clean.preparations ORDER BY clean.preparations.batch, clean.preparations.is_current DESC, clean.preparations.preparation DESC) AS newest ON newest.batch = raw.batches.batch;

COMMENT ON COLUMN clean.all_order_lines.quantity IS 'negative or 0 on a return, whatever sign its source gives it';
COMMENT ON COLUMN clean.order_lines.quantity IS 'negative or 0 on a return, whatever sign its source gives it';
COMMENT ON COLUMN clean.all_order_lines.amount IS 'quantity × unit_price − discount where the source gives none; negative or 0 on a return';
COMMENT ON COLUMN clean.order_lines.amount IS 'quantity × unit_price − discount where the source gives none; negative or 0 on a return';
COMMENT ON COLUMN clean.all_payments.amount IS 'what was received; negative where it was given back';
COMMENT ON COLUMN clean.payments.amount IS 'what was received; negative where it was given back';
COMMENT ON COLUMN clean.all_refunds.amount IS 'what was given back, positive or 0, whatever sign its source gives it';
COMMENT ON COLUMN clean.refunds.amount IS 'what was given back, positive or 0, whatever sign its source gives it';
