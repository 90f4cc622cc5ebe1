-- Frozen with revision 0001: change what it makes by a new revision.

CREATE FUNCTION clean.as_text(original bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    RETURN convert_from(original, 'UTF8');
EXCEPTION WHEN OTHERS THEN
    RETURN encode(original, 'escape');
END $$;

CREATE VIEW clean.customers AS
SELECT DISTINCT ON (clean.all_customers.shop, clean.all_customers.customer) clean.all_customers.shop, clean.all_customers.day, clean.all_customers.batch, clean.all_customers.customer, clean.all_customers.attributes
FROM clean.all_customers JOIN clean.preparations ON clean.preparations.preparation = clean.all_customers.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_customers.shop AND work.rights.customer = clean.all_customers.customer AND work.rights.kind IN ('deletion'))) ORDER BY clean.all_customers.shop, clean.all_customers.customer, clean.all_customers.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.customers IS 'Customers 客户 as their source knows them; totals are computed for a day, never stored. As now known. The newest version of each.';
COMMENT ON COLUMN clean.customers.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.customers.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.products AS
SELECT DISTINCT ON (clean.all_products.shop, clean.all_products.product) clean.all_products.shop, clean.all_products.day, clean.all_products.batch, clean.all_products.product, clean.all_products.name, clean.all_products.category, clean.all_products.price, clean.all_products.listed, clean.all_products.kind, clean.all_products.description, clean.all_products.image, clean.all_products.attributes
FROM clean.all_products JOIN clean.preparations ON clean.preparations.preparation = clean.all_products.preparation
WHERE clean.preparations.is_current ORDER BY clean.all_products.shop, clean.all_products.product, clean.all_products.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.products IS 'Products 商品. As now known. The newest version of each.';
COMMENT ON COLUMN clean.products.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.products.price IS 'list price in the shop''s currency';
COMMENT ON COLUMN clean.products.listed IS 'may be shown; null counts as listed';
COMMENT ON COLUMN clean.products.kind IS 'goods, service, …; null counts as goods';
COMMENT ON COLUMN clean.products.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.stock AS
SELECT DISTINCT ON (clean.all_stock.shop, clean.all_stock.product, clean.all_stock.store) clean.all_stock.shop, clean.all_stock.day, clean.all_stock.batch, clean.all_stock.product, clean.all_stock.store, clean.all_stock.quantity, clean.all_stock.attributes
FROM clean.all_stock JOIN clean.preparations ON clean.preparations.preparation = clean.all_stock.preparation
WHERE clean.preparations.is_current ORDER BY clean.all_stock.shop, clean.all_stock.product, clean.all_stock.store, clean.all_stock.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.stock IS 'Stock 库存 of a product in a store. As now known. The newest version of each.';
COMMENT ON COLUMN clean.stock.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.stock.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.orders AS
SELECT clean.all_orders.shop, clean.all_orders.day, clean.all_orders.batch, clean.all_orders.order_id, clean.all_orders.customer, clean.all_orders.ordered_at, clean.all_orders.store, clean.all_orders.channel, clean.all_orders.status, clean.all_orders.currency, clean.all_orders.campaign, clean.all_orders.attributes
FROM clean.all_orders JOIN clean.preparations ON clean.preparations.preparation = clean.all_orders.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_orders.shop AND work.rights.customer = clean.all_orders.customer AND work.rights.kind IN ('deletion')));
COMMENT ON VIEW clean.orders IS 'Orders 订单. As now known.';
COMMENT ON COLUMN clean.orders.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.orders.ordered_at IS 'the earliest of its lines';
COMMENT ON COLUMN clean.orders.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.order_lines AS
SELECT clean.all_order_lines.shop, clean.all_order_lines.day, clean.all_order_lines.batch, clean.all_order_lines.order_id, clean.all_order_lines.line, clean.all_order_lines.product, clean.all_order_lines.customer, clean.all_order_lines.ordered_at, clean.all_order_lines.quantity, clean.all_order_lines.unit_price, clean.all_order_lines.discount, clean.all_order_lines.amount, clean.all_order_lines.kind, clean.all_order_lines.attributes
FROM clean.all_order_lines JOIN clean.preparations ON clean.preparations.preparation = clean.all_order_lines.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_order_lines.shop AND work.rights.customer = clean.all_order_lines.customer AND work.rights.kind IN ('deletion')));
COMMENT ON VIEW clean.order_lines IS 'Lines of orders 订单明细. As now known.';
COMMENT ON COLUMN clean.order_lines.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.order_lines.line IS 'rank within the order in the total order of the whole source row where the source has no key';
COMMENT ON COLUMN clean.order_lines.amount IS 'quantity × unit_price − discount where the source gives none';
COMMENT ON COLUMN clean.order_lines.kind IS 'sale, return, adjustment or service';
COMMENT ON COLUMN clean.order_lines.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.payments AS
SELECT clean.all_payments.shop, clean.all_payments.day, clean.all_payments.batch, clean.all_payments.payment_id, clean.all_payments.order_id, clean.all_payments.at, clean.all_payments.method, clean.all_payments.amount, clean.all_payments.currency, clean.all_payments.status, clean.all_payments.attributes
FROM clean.all_payments JOIN clean.preparations ON clean.preparations.preparation = clean.all_payments.preparation
WHERE clean.preparations.is_current;
COMMENT ON VIEW clean.payments IS 'Payments 支付. As now known.';
COMMENT ON COLUMN clean.payments.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.payments.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.refunds AS
SELECT clean.all_refunds.shop, clean.all_refunds.day, clean.all_refunds.batch, clean.all_refunds.refund_id, clean.all_refunds.order_id, clean.all_refunds.at, clean.all_refunds.method, clean.all_refunds.amount, clean.all_refunds.currency, clean.all_refunds.status, clean.all_refunds.attributes
FROM clean.all_refunds JOIN clean.preparations ON clean.preparations.preparation = clean.all_refunds.preparation
WHERE clean.preparations.is_current;
COMMENT ON VIEW clean.refunds IS 'Refunds 退款. As now known.';
COMMENT ON COLUMN clean.refunds.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.refunds.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.campaigns AS
SELECT DISTINCT ON (clean.all_campaigns.shop, clean.all_campaigns.campaign) clean.all_campaigns.shop, clean.all_campaigns.day, clean.all_campaigns.batch, clean.all_campaigns.campaign, clean.all_campaigns.name, clean.all_campaigns.channel, clean.all_campaigns.starts, clean.all_campaigns.ends, clean.all_campaigns.cost, clean.all_campaigns.attributes
FROM clean.all_campaigns JOIN clean.preparations ON clean.preparations.preparation = clean.all_campaigns.preparation
WHERE clean.preparations.is_current ORDER BY clean.all_campaigns.shop, clean.all_campaigns.campaign, clean.all_campaigns.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.campaigns IS 'Campaigns 营销活动. As now known. The newest version of each.';
COMMENT ON COLUMN clean.campaigns.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.campaigns.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.coupons AS
SELECT DISTINCT ON (clean.all_coupons.shop, clean.all_coupons.coupon) clean.all_coupons.shop, clean.all_coupons.day, clean.all_coupons.batch, clean.all_coupons.coupon, clean.all_coupons.campaign, clean.all_coupons.customer, clean.all_coupons.order_id, clean.all_coupons.attributes
FROM clean.all_coupons JOIN clean.preparations ON clean.preparations.preparation = clean.all_coupons.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_coupons.shop AND work.rights.customer = clean.all_coupons.customer AND work.rights.kind IN ('deletion'))) ORDER BY clean.all_coupons.shop, clean.all_coupons.coupon, clean.all_coupons.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.coupons IS 'Coupons 优惠券. As now known. The newest version of each.';
COMMENT ON COLUMN clean.coupons.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.coupons.order_id IS 'the order that used it, if any';
COMMENT ON COLUMN clean.coupons.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.touches AS
SELECT clean.all_touches.shop, clean.all_touches.day, clean.all_touches.batch, clean.all_touches.customer, clean.all_touches.campaign, clean.all_touches.at, clean.all_touches.kind, clean.all_touches.attributes
FROM clean.all_touches JOIN clean.preparations ON clean.preparations.preparation = clean.all_touches.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_touches.shop AND work.rights.customer = clean.all_touches.customer AND work.rights.kind IN ('deletion')));
COMMENT ON VIEW clean.touches IS 'What a campaign did to a customer: sent, opened, clicked, redeemed 触达. As now known.';
COMMENT ON COLUMN clean.touches.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.touches.kind IS 'sent, opened, clicked or redeemed';
COMMENT ON COLUMN clean.touches.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.events AS
SELECT clean.all_events.shop, clean.all_events.day, clean.all_events.batch, clean.all_events.event_id, clean.all_events.customer, clean.all_events.session, clean.all_events.product, clean.all_events.type, clean.all_events.at, clean.all_events.source, clean.all_events.attributes
FROM clean.all_events JOIN clean.preparations ON clean.preparations.preparation = clean.all_events.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_events.shop AND work.rights.customer = clean.all_events.customer AND work.rights.kind IN ('deletion')));
COMMENT ON VIEW clean.events IS 'Behaviour 行为: view, cart, search, follow, menu …. As now known.';
COMMENT ON COLUMN clean.events.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.events.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.reviews AS
SELECT clean.all_reviews.shop, clean.all_reviews.day, clean.all_reviews.batch, clean.all_reviews.review_id, clean.all_reviews.customer, clean.all_reviews.product, clean.all_reviews.at, clean.all_reviews.rating, clean.all_reviews.text, clean.all_reviews.source, clean.all_reviews.attributes
FROM clean.all_reviews JOIN clean.preparations ON clean.preparations.preparation = clean.all_reviews.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_reviews.shop AND work.rights.customer = clean.all_reviews.customer AND work.rights.kind IN ('deletion')));
COMMENT ON VIEW clean.reviews IS 'Reviews 评价 of products. As now known.';
COMMENT ON COLUMN clean.reviews.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.reviews.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.social_posts AS
SELECT clean.all_social_posts.shop, clean.all_social_posts.day, clean.all_social_posts.batch, clean.all_social_posts.post_id, clean.all_social_posts.customer, clean.all_social_posts.product, clean.all_social_posts.at, clean.all_social_posts.rating, clean.all_social_posts.text, clean.all_social_posts.source, clean.all_social_posts.attributes
FROM clean.all_social_posts JOIN clean.preparations ON clean.preparations.preparation = clean.all_social_posts.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_social_posts.shop AND work.rights.customer = clean.all_social_posts.customer AND work.rights.kind IN ('deletion')));
COMMENT ON VIEW clean.social_posts IS 'Posts 社交媒体 about the shop or its products. As now known.';
COMMENT ON COLUMN clean.social_posts.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.social_posts.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.channel_stats AS
SELECT clean.all_channel_stats.shop, clean.all_channel_stats.day, clean.all_channel_stats.batch, clean.all_channel_stats.channel, clean.all_channel_stats.item, clean.all_channel_stats.metric, clean.all_channel_stats.value, clean.all_channel_stats.attributes
FROM clean.all_channel_stats JOIN clean.preparations ON clean.preparations.preparation = clean.all_channel_stats.preparation
WHERE clean.preparations.is_current;
COMMENT ON VIEW clean.channel_stats IS 'Daily figures of a channel (readers, followers …) 渠道统计. As now known.';
COMMENT ON COLUMN clean.channel_stats.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.channel_stats.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.store_sales AS
SELECT clean.all_store_sales.shop, clean.all_store_sales.day, clean.all_store_sales.batch, clean.all_store_sales.store, clean.all_store_sales.product, clean.all_store_sales.quantity, clean.all_store_sales.amount, clean.all_store_sales.attributes
FROM clean.all_store_sales JOIN clean.preparations ON clean.preparations.preparation = clean.all_store_sales.preparation
WHERE clean.preparations.is_current;
COMMENT ON VIEW clean.store_sales IS 'Daily sales of a store 门店销售 where only totals are known. As now known.';
COMMENT ON COLUMN clean.store_sales.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.store_sales.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.feedback AS
SELECT clean.all_feedback.shop, clean.all_feedback.day, clean.all_feedback.batch, clean.all_feedback.feedback_id, clean.all_feedback.customer, clean.all_feedback.product, clean.all_feedback.release, clean.all_feedback.kind, clean.all_feedback.at, clean.all_feedback.attributes
FROM clean.all_feedback JOIN clean.preparations ON clean.preparations.preparation = clean.all_feedback.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_feedback.shop AND work.rights.customer = clean.all_feedback.customer AND work.rights.kind IN ('deletion')));
COMMENT ON VIEW clean.feedback IS 'What became of a recommendation 反馈: shown, clicked, bought, hidden. As now known.';
COMMENT ON COLUMN clean.feedback.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.feedback.kind IS 'shown, clicked, bought or hidden';
COMMENT ON COLUMN clean.feedback.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.consents AS
SELECT DISTINCT ON (clean.all_consents.shop, clean.all_consents.customer, clean.all_consents.kind) clean.all_consents.shop, clean.all_consents.day, clean.all_consents.batch, clean.all_consents.customer, clean.all_consents.kind, clean.all_consents.at, clean.all_consents.attributes
FROM clean.all_consents JOIN clean.preparations ON clean.preparations.preparation = clean.all_consents.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_consents.shop AND work.rights.customer = clean.all_consents.customer AND work.rights.kind IN ('deletion'))) ORDER BY clean.all_consents.shop, clean.all_consents.customer, clean.all_consents.kind, clean.all_consents.day DESC, clean.preparations.source, clean.preparations.entity;
COMMENT ON VIEW clean.consents IS 'What a person allows 同意; read as of now, always. As now known. The newest version of each.';
COMMENT ON COLUMN clean.consents.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.consents.kind IS 'no_personalisation, no_profiling or deletion';
COMMENT ON COLUMN clean.consents.attributes IS 'what the shop''s file adds';

CREATE VIEW clean.quarantine AS
SELECT clean.all_quarantine.shop, clean.all_quarantine.day, clean.all_quarantine.batch, clean.all_quarantine.source, clean.all_quarantine.entity, clean.all_quarantine.row_key, clean.all_quarantine.reason, clean.as_text(clean.all_quarantine.original) AS original
FROM clean.all_quarantine JOIN clean.preparations ON clean.preparations.preparation = clean.all_quarantine.preparation
WHERE clean.preparations.is_current;
COMMENT ON VIEW clean.quarantine IS 'Rows that broke a rule, as now known.';
COMMENT ON COLUMN clean.quarantine.row_key IS 'the row''s key, or its position where it has none';

CREATE VIEW clean.accounting AS
SELECT raw.batches.shop, raw.batches.source, raw.batches.entity, raw.batches.day, raw.batches.batch, coalesce(newest.is_current, false) AS is_current, newest.read, newest.expanded, newest.kept, newest.quarantined, newest.duplicates, newest.rules, raw.batches.known_at, raw.batches.known_at_assumed, raw.batches.content_hash
FROM raw.batches LEFT OUTER JOIN (SELECT DISTINCT ON (clean.preparations.batch) clean.preparations.preparation AS preparation, clean.preparations.batch AS batch, clean.preparations.shop AS shop, clean.preparations.source AS source, clean.preparations.entity AS entity, clean.preparations.day AS day, clean.preparations.rules AS rules, clean.preparations.is_current AS is_current, clean.preparations.read AS read, clean.preparations.expanded AS expanded, clean.preparations.kept AS kept, clean.preparations.quarantined AS quarantined, clean.preparations.duplicates AS duplicates, clean.preparations.prepared_at AS prepared_at
FROM clean.preparations ORDER BY clean.preparations.batch, clean.preparations.is_current DESC, clean.preparations.preparation DESC) AS newest ON newest.batch = raw.batches.batch;
COMMENT ON VIEW clean.accounting IS 'What became of every row of every batch: expanded = kept + quarantined + duplicates.';
COMMENT ON COLUMN clean.accounting.source IS 'name of the source in the shop''s file';
COMMENT ON COLUMN clean.accounting.entity IS 'canonical entity that was read';
COMMENT ON COLUMN clean.accounting.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.accounting.known_at IS 'when the source said so';
COMMENT ON COLUMN clean.accounting.known_at_assumed IS 'history loaded in bulk: known_at is the end of the day, not when it was read';
COMMENT ON COLUMN clean.accounting.content_hash IS 'sha256 over the columns and the sorted lines';
