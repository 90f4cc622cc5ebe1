ALTER TABLE clean.preparations ADD COLUMN filtered bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN clean.preparations.filtered IS 'rows that the file does not keep';
ALTER TABLE clean.preparations ADD COLUMN discarded bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN clean.preparations.discarded IS 'single values in quarantine, of rows that are kept';
ALTER TABLE clean.preparations DROP CONSTRAINT preparations_conservation;
ALTER TABLE clean.preparations ADD CONSTRAINT preparations_conservation CHECK (expanded = kept + quarantined + duplicates + filtered);
ALTER TABLE clean.preparations DROP CONSTRAINT preparations_counts;
ALTER TABLE clean.preparations ADD CONSTRAINT preparations_counts CHECK (least(read, kept, quarantined, duplicates, filtered, discarded) >= 0);
ALTER TABLE clean.all_quarantine ADD COLUMN discarded text;
COMMENT ON COLUMN clean.all_quarantine.discarded IS 'the one column whose value was not kept, while its row was; null: the row was not';
COMMENT ON TABLE clean.all_quarantine IS 'Rows that broke a rule, and single values that did not fit, with the reason.';

CREATE TABLE clean.all_calendar (
	shop TEXT NOT NULL,
	day DATE NOT NULL,
	year SMALLINT NOT NULL,
	quarter SMALLINT NOT NULL,
	month SMALLINT NOT NULL,
	iso_year SMALLINT NOT NULL,
	iso_week SMALLINT NOT NULL,
	weekday SMALLINT NOT NULL,
	is_weekend BOOLEAN NOT NULL,
	is_holiday BOOLEAN NOT NULL,
	is_working_day BOOLEAN NOT NULL,
	holiday TEXT,
	holiday_en TEXT,
	made_by TEXT NOT NULL,
	CONSTRAINT all_calendar_pkey PRIMARY KEY (shop, day)
);
COMMENT ON TABLE clean.all_calendar IS 'The calendar of a shop''s country 日历.';
COMMENT ON COLUMN clean.all_calendar.iso_year IS 'year of the ISO week';
COMMENT ON COLUMN clean.all_calendar.weekday IS '1 is Monday';
COMMENT ON COLUMN clean.all_calendar.is_weekend IS 'the country''s weekly rest, also where it is worked';
COMMENT ON COLUMN clean.all_calendar.is_holiday IS 'public holiday 法定节假日';
COMMENT ON COLUMN clean.all_calendar.is_working_day IS 'also make-up working days 调休上班日 of a weekend';
COMMENT ON COLUMN clean.all_calendar.holiday IS 'its name in the country''s language';
COMMENT ON COLUMN clean.all_calendar.made_by IS 'library, its version, and the country';

CREATE TABLE clean.all_outliers (
	shop TEXT NOT NULL,
	day DATE NOT NULL,
	entity TEXT NOT NULL,
	column_name TEXT NOT NULL,
	row_key TEXT NOT NULL,
	value NUMERIC NOT NULL,
	low NUMERIC NOT NULL,
	high NUMERIC NOT NULL,
	artifact BIGINT NOT NULL
);
CREATE INDEX all_outliers_shop_day ON clean.all_outliers (shop, day);
COMMENT ON TABLE clean.all_outliers IS 'Unusual numbers of each day 异常值, which stay in the facts as they are.';
COMMENT ON COLUMN clean.all_outliers.row_key IS 'the canonical key, its parts with / between';
COMMENT ON COLUMN clean.all_outliers.low IS 'least usual value, by the days before';
COMMENT ON COLUMN clean.all_outliers.artifact IS 'the checks that found it';

CREATE OR REPLACE VIEW clean.quarantine AS
SELECT clean.all_quarantine.shop, clean.all_quarantine.day, clean.all_quarantine.batch, clean.all_quarantine.source, clean.all_quarantine.entity, clean.all_quarantine.row_key, clean.all_quarantine.reason, clean.as_text(clean.all_quarantine.original) AS original, clean.all_quarantine.discarded
FROM clean.all_quarantine JOIN clean.preparations ON clean.preparations.preparation = clean.all_quarantine.preparation
WHERE clean.preparations.is_current;
COMMENT ON VIEW clean.quarantine IS 'Rows that broke a rule, and single values that did not fit, as now known.';
COMMENT ON COLUMN clean.quarantine.row_key IS 'the row''s key, or its position where it has none';
COMMENT ON COLUMN clean.quarantine.discarded IS 'the one column whose value was not kept, while its row was; null: the row was not';

CREATE OR REPLACE VIEW clean.accounting AS
SELECT raw.batches.shop, raw.batches.source, raw.batches.entity, raw.batches.day, raw.batches.batch, coalesce(newest.is_current, false) AS is_current, newest.read, newest.expanded, newest.kept, newest.quarantined, newest.duplicates, newest.rules, raw.batches.known_at, raw.batches.known_at_assumed, raw.batches.content_hash, newest.filtered, newest.discarded
FROM raw.batches LEFT OUTER JOIN (SELECT DISTINCT ON (clean.preparations.batch) clean.preparations.preparation AS preparation, clean.preparations.batch AS batch, clean.preparations.shop AS shop, clean.preparations.source AS source, clean.preparations.entity AS entity, clean.preparations.day AS day, clean.preparations.rules AS rules, clean.preparations.is_current AS is_current, clean.preparations.read AS read, clean.preparations.expanded AS expanded, clean.preparations.kept AS kept, clean.preparations.quarantined AS quarantined, clean.preparations.duplicates AS duplicates, clean.preparations.filtered AS filtered, clean.preparations.discarded AS discarded, clean.preparations.is_snapshot AS is_snapshot, clean.preparations.prepared_at AS prepared_at
FROM clean.preparations ORDER BY clean.preparations.batch, clean.preparations.is_current DESC, clean.preparations.preparation DESC) AS newest ON newest.batch = raw.batches.batch;
COMMENT ON VIEW clean.accounting IS 'What became of every row of every batch: expanded = kept + quarantined + duplicates + filtered.';
COMMENT ON COLUMN clean.accounting.source IS 'name of the source in the shop''s file';
COMMENT ON COLUMN clean.accounting.entity IS 'canonical entity that was read';
COMMENT ON COLUMN clean.accounting.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.accounting.known_at IS 'when the source said so';
COMMENT ON COLUMN clean.accounting.known_at_assumed IS 'history loaded in bulk: known_at is the end of the day, not when it was read';
COMMENT ON COLUMN clean.accounting.content_hash IS 'sha256 over the columns and the sorted lines';

CREATE VIEW clean.calendar AS
SELECT clean.all_calendar.shop, clean.all_calendar.day, clean.all_calendar.year, clean.all_calendar.quarter, clean.all_calendar.month, clean.all_calendar.iso_year, clean.all_calendar.iso_week, clean.all_calendar.weekday, clean.all_calendar.is_weekend, clean.all_calendar.is_holiday, clean.all_calendar.is_working_day, clean.all_calendar.holiday, clean.all_calendar.holiday_en, clean.all_calendar.made_by
FROM clean.all_calendar;
COMMENT ON VIEW clean.calendar IS 'The calendar of a shop''s country 日历.';
COMMENT ON COLUMN clean.calendar.iso_year IS 'year of the ISO week';
COMMENT ON COLUMN clean.calendar.weekday IS '1 is Monday';
COMMENT ON COLUMN clean.calendar.is_weekend IS 'the country''s weekly rest, also where it is worked';
COMMENT ON COLUMN clean.calendar.is_holiday IS 'public holiday 法定节假日';
COMMENT ON COLUMN clean.calendar.is_working_day IS 'also make-up working days 调休上班日 of a weekend';
COMMENT ON COLUMN clean.calendar.holiday IS 'its name in the country''s language';
COMMENT ON COLUMN clean.calendar.made_by IS 'library, its version, and the country';

CREATE VIEW clean.outliers AS
SELECT clean.all_outliers.shop, clean.all_outliers.day, clean.all_outliers.entity, clean.all_outliers.column_name, clean.all_outliers.row_key, clean.all_outliers.value, clean.all_outliers.low, clean.all_outliers.high, clean.all_outliers.artifact
FROM clean.all_outliers;
COMMENT ON VIEW clean.outliers IS 'Unusual numbers of each day 异常值, which stay in the facts as they are.';
COMMENT ON COLUMN clean.outliers.row_key IS 'the canonical key, its parts with / between';
COMMENT ON COLUMN clean.outliers.low IS 'least usual value, by the days before';
COMMENT ON COLUMN clean.outliers.artifact IS 'the checks that found it';

CREATE OR REPLACE VIEW clean.customers AS
SELECT DISTINCT ON (clean.all_customers.shop, clean.all_customers.customer) clean.all_customers.shop, clean.all_customers.day, clean.all_customers.batch, clean.all_customers.customer, clean.all_customers.attributes
FROM clean.all_customers JOIN clean.preparations ON clean.preparations.preparation = clean.all_customers.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_customers.shop AND work.rights.customer = clean.all_customers.customer AND work.rights.kind IN ('deletion'))) AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_customers.shop, clean.all_customers.customer, clean.all_customers.day DESC, clean.preparations.source, clean.preparations.entity;

CREATE OR REPLACE VIEW clean.products AS
SELECT DISTINCT ON (clean.all_products.shop, clean.all_products.product) clean.all_products.shop, clean.all_products.day, clean.all_products.batch, clean.all_products.product, clean.all_products.name, clean.all_products.category, clean.all_products.price, clean.all_products.listed, clean.all_products.kind, clean.all_products.description, clean.all_products.image, clean.all_products.attributes
FROM clean.all_products JOIN clean.preparations ON clean.preparations.preparation = clean.all_products.preparation
WHERE clean.preparations.is_current AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_products.shop, clean.all_products.product, clean.all_products.day DESC, clean.preparations.source, clean.preparations.entity;

CREATE OR REPLACE VIEW clean.stock AS
SELECT DISTINCT ON (clean.all_stock.shop, clean.all_stock.product, clean.all_stock.store) clean.all_stock.shop, clean.all_stock.day, clean.all_stock.batch, clean.all_stock.product, clean.all_stock.store, clean.all_stock.quantity, clean.all_stock.attributes
FROM clean.all_stock JOIN clean.preparations ON clean.preparations.preparation = clean.all_stock.preparation
WHERE clean.preparations.is_current AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_stock.shop, clean.all_stock.product, clean.all_stock.store, clean.all_stock.day DESC, clean.preparations.source, clean.preparations.entity;

CREATE OR REPLACE VIEW clean.campaigns AS
SELECT DISTINCT ON (clean.all_campaigns.shop, clean.all_campaigns.campaign) clean.all_campaigns.shop, clean.all_campaigns.day, clean.all_campaigns.batch, clean.all_campaigns.campaign, clean.all_campaigns.name, clean.all_campaigns.channel, clean.all_campaigns.starts, clean.all_campaigns.ends, clean.all_campaigns.cost, clean.all_campaigns.attributes
FROM clean.all_campaigns JOIN clean.preparations ON clean.preparations.preparation = clean.all_campaigns.preparation
WHERE clean.preparations.is_current AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_campaigns.shop, clean.all_campaigns.campaign, clean.all_campaigns.day DESC, clean.preparations.source, clean.preparations.entity;

CREATE OR REPLACE VIEW clean.coupons AS
SELECT DISTINCT ON (clean.all_coupons.shop, clean.all_coupons.coupon) clean.all_coupons.shop, clean.all_coupons.day, clean.all_coupons.batch, clean.all_coupons.coupon, clean.all_coupons.campaign, clean.all_coupons.customer, clean.all_coupons.order_id, clean.all_coupons.attributes
FROM clean.all_coupons JOIN clean.preparations ON clean.preparations.preparation = clean.all_coupons.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_coupons.shop AND work.rights.customer = clean.all_coupons.customer AND work.rights.kind IN ('deletion'))) AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_coupons.shop, clean.all_coupons.coupon, clean.all_coupons.day DESC, clean.preparations.source, clean.preparations.entity;

CREATE OR REPLACE VIEW clean.consents AS
SELECT DISTINCT ON (clean.all_consents.shop, clean.all_consents.customer, clean.all_consents.kind) clean.all_consents.shop, clean.all_consents.day, clean.all_consents.batch, clean.all_consents.customer, clean.all_consents.kind, clean.all_consents.at, clean.all_consents.attributes
FROM clean.all_consents JOIN clean.preparations ON clean.preparations.preparation = clean.all_consents.preparation
WHERE clean.preparations.is_current AND NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = clean.all_consents.shop AND work.rights.customer = clean.all_consents.customer AND work.rights.kind IN ('deletion'))) AND (NOT clean.preparations.is_snapshot OR NOT (EXISTS (SELECT *
FROM clean.preparations AS later
WHERE later.shop = clean.preparations.shop AND later.source = clean.preparations.source AND later.entity = clean.preparations.entity AND later.day > clean.preparations.day AND later.is_current))) ORDER BY clean.all_consents.shop, clean.all_consents.customer, clean.all_consents.kind, clean.all_consents.day DESC, clean.preparations.source, clean.preparations.entity;
