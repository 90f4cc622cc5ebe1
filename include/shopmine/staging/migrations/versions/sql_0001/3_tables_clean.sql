-- Frozen with revision 0001: change what it makes by a new revision.

CREATE TABLE clean.all_campaigns (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    campaign TEXT NOT NULL,
    name TEXT,
    channel TEXT,
    starts TIMESTAMP WITH TIME ZONE,
    ends TIMESTAMP WITH TIME ZONE,
    cost NUMERIC,
    attributes JSONB
);
CREATE INDEX all_campaigns_preparation ON clean.all_campaigns (preparation);
CREATE INDEX all_campaigns_shop_day ON clean.all_campaigns (shop, day);
COMMENT ON TABLE clean.all_campaigns IS 'Campaigns 营销活动. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_campaigns.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_campaigns.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_channel_stats (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    channel TEXT NOT NULL,
    item TEXT,
    metric TEXT NOT NULL,
    value NUMERIC NOT NULL,
    attributes JSONB
);
CREATE INDEX all_channel_stats_preparation ON clean.all_channel_stats (preparation);
CREATE INDEX all_channel_stats_shop_day ON clean.all_channel_stats (shop, day);
COMMENT ON TABLE clean.all_channel_stats IS 'Daily figures of a channel (readers, followers …) 渠道统计. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_channel_stats.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_channel_stats.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_consents (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    customer TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    attributes JSONB
);
CREATE INDEX all_consents_customer ON clean.all_consents (customer);
CREATE INDEX all_consents_preparation ON clean.all_consents (preparation);
CREATE INDEX all_consents_shop_day ON clean.all_consents (shop, day);
COMMENT ON TABLE clean.all_consents IS 'What a person allows 同意; read as of now, always. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_consents.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_consents.kind IS 'no_personalisation, no_profiling or deletion';
COMMENT ON COLUMN clean.all_consents.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_coupons (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    coupon TEXT NOT NULL,
    campaign TEXT,
    customer TEXT,
    order_id TEXT,
    attributes JSONB
);
CREATE INDEX all_coupons_customer ON clean.all_coupons (customer);
CREATE INDEX all_coupons_order_id ON clean.all_coupons (order_id);
CREATE INDEX all_coupons_preparation ON clean.all_coupons (preparation);
CREATE INDEX all_coupons_shop_day ON clean.all_coupons (shop, day);
COMMENT ON TABLE clean.all_coupons IS 'Coupons 优惠券. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_coupons.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_coupons.order_id IS 'the order that used it, if any';
COMMENT ON COLUMN clean.all_coupons.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_customers (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    customer TEXT NOT NULL,
    attributes JSONB
);
CREATE INDEX all_customers_customer ON clean.all_customers (customer);
CREATE INDEX all_customers_preparation ON clean.all_customers (preparation);
CREATE INDEX all_customers_shop_day ON clean.all_customers (shop, day);
COMMENT ON TABLE clean.all_customers IS 'Customers 客户 as their source knows them; totals are computed for a day, never stored. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_customers.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_customers.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_events (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    customer TEXT,
    session TEXT,
    product TEXT,
    type TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT,
    attributes JSONB
);
CREATE INDEX all_events_customer ON clean.all_events (customer);
CREATE INDEX all_events_preparation ON clean.all_events (preparation);
CREATE INDEX all_events_shop_day ON clean.all_events (shop, day);
COMMENT ON TABLE clean.all_events IS 'Behaviour 行为: view, cart, search, follow, menu …. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_events.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_events.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_feedback (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    feedback_id TEXT NOT NULL,
    customer TEXT NOT NULL,
    product TEXT NOT NULL,
    release BIGINT,
    kind TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    attributes JSONB
);
CREATE INDEX all_feedback_customer ON clean.all_feedback (customer);
CREATE INDEX all_feedback_preparation ON clean.all_feedback (preparation);
CREATE INDEX all_feedback_shop_day ON clean.all_feedback (shop, day);
COMMENT ON TABLE clean.all_feedback IS 'What became of a recommendation 反馈: shown, clicked, bought, hidden. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_feedback.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_feedback.kind IS 'shown, clicked, bought or hidden';
COMMENT ON COLUMN clean.all_feedback.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_order_lines (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    order_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    product TEXT NOT NULL,
    customer TEXT,
    ordered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    quantity NUMERIC NOT NULL,
    unit_price NUMERIC NOT NULL,
    discount NUMERIC,
    amount NUMERIC NOT NULL,
    kind TEXT NOT NULL,
    attributes JSONB
);
CREATE INDEX all_order_lines_customer ON clean.all_order_lines (customer);
CREATE INDEX all_order_lines_order_id ON clean.all_order_lines (order_id);
CREATE INDEX all_order_lines_preparation ON clean.all_order_lines (preparation);
CREATE INDEX all_order_lines_shop_day ON clean.all_order_lines (shop, day);
COMMENT ON TABLE clean.all_order_lines IS 'Lines of orders 订单明细. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_order_lines.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_order_lines.line IS 'rank within the order in the total order of the whole source row where the source has no key';
COMMENT ON COLUMN clean.all_order_lines.amount IS 'quantity × unit_price − discount where the source gives none';
COMMENT ON COLUMN clean.all_order_lines.kind IS 'sale, return, adjustment or service';
COMMENT ON COLUMN clean.all_order_lines.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_orders (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    order_id TEXT NOT NULL,
    customer TEXT,
    ordered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    store TEXT,
    channel TEXT,
    status TEXT,
    currency TEXT,
    campaign TEXT,
    attributes JSONB
);
CREATE INDEX all_orders_customer ON clean.all_orders (customer);
CREATE INDEX all_orders_order_id ON clean.all_orders (order_id);
CREATE INDEX all_orders_preparation ON clean.all_orders (preparation);
CREATE INDEX all_orders_shop_day ON clean.all_orders (shop, day);
COMMENT ON TABLE clean.all_orders IS 'Orders 订单. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_orders.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_orders.ordered_at IS 'the earliest of its lines';
COMMENT ON COLUMN clean.all_orders.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_payments (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    payment_id TEXT NOT NULL,
    order_id TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    method TEXT,
    amount NUMERIC NOT NULL,
    currency TEXT,
    status TEXT,
    attributes JSONB
);
CREATE INDEX all_payments_order_id ON clean.all_payments (order_id);
CREATE INDEX all_payments_preparation ON clean.all_payments (preparation);
CREATE INDEX all_payments_shop_day ON clean.all_payments (shop, day);
COMMENT ON TABLE clean.all_payments IS 'Payments 支付. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_payments.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_payments.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_products (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    product TEXT NOT NULL,
    name TEXT,
    category TEXT,
    price NUMERIC,
    listed BOOLEAN,
    kind TEXT,
    description TEXT,
    image TEXT,
    attributes JSONB
);
CREATE INDEX all_products_preparation ON clean.all_products (preparation);
CREATE INDEX all_products_shop_day ON clean.all_products (shop, day);
COMMENT ON TABLE clean.all_products IS 'Products 商品. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_products.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_products.price IS 'list price in the shop''s currency';
COMMENT ON COLUMN clean.all_products.listed IS 'may be shown; null counts as listed';
COMMENT ON COLUMN clean.all_products.kind IS 'goods, service, …; null counts as goods';
COMMENT ON COLUMN clean.all_products.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_quarantine (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    source TEXT NOT NULL,
    entity TEXT NOT NULL,
    row_key TEXT,
    reason TEXT NOT NULL,
    original BYTEA
);
CREATE INDEX all_quarantine_preparation ON clean.all_quarantine (preparation);
COMMENT ON TABLE clean.all_quarantine IS 'Rows that broke a rule, with the reason.';
COMMENT ON COLUMN clean.all_quarantine.row_key IS 'the row''s key, or its position where it has none';
COMMENT ON COLUMN clean.all_quarantine.original IS 'the line as landed, after hashing of personal columns';

CREATE TABLE clean.all_refunds (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    refund_id TEXT NOT NULL,
    order_id TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    method TEXT,
    amount NUMERIC NOT NULL,
    currency TEXT,
    status TEXT,
    attributes JSONB
);
CREATE INDEX all_refunds_order_id ON clean.all_refunds (order_id);
CREATE INDEX all_refunds_preparation ON clean.all_refunds (preparation);
CREATE INDEX all_refunds_shop_day ON clean.all_refunds (shop, day);
COMMENT ON TABLE clean.all_refunds IS 'Refunds 退款. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_refunds.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_refunds.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_reviews (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    review_id TEXT NOT NULL,
    customer TEXT,
    product TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    rating NUMERIC,
    text TEXT,
    source TEXT,
    attributes JSONB
);
CREATE INDEX all_reviews_customer ON clean.all_reviews (customer);
CREATE INDEX all_reviews_preparation ON clean.all_reviews (preparation);
CREATE INDEX all_reviews_shop_day ON clean.all_reviews (shop, day);
COMMENT ON TABLE clean.all_reviews IS 'Reviews 评价 of products. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_reviews.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_reviews.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_social_posts (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    post_id TEXT NOT NULL,
    customer TEXT,
    product TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    rating NUMERIC,
    text TEXT,
    source TEXT,
    attributes JSONB
);
CREATE INDEX all_social_posts_customer ON clean.all_social_posts (customer);
CREATE INDEX all_social_posts_preparation ON clean.all_social_posts (preparation);
CREATE INDEX all_social_posts_shop_day ON clean.all_social_posts (shop, day);
COMMENT ON TABLE clean.all_social_posts IS 'Posts 社交媒体 about the shop or its products. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_social_posts.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_social_posts.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_stock (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    product TEXT NOT NULL,
    store TEXT,
    quantity NUMERIC NOT NULL,
    attributes JSONB
);
CREATE INDEX all_stock_preparation ON clean.all_stock (preparation);
CREATE INDEX all_stock_shop_day ON clean.all_stock (shop, day);
COMMENT ON TABLE clean.all_stock IS 'Stock 库存 of a product in a store. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_stock.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_stock.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_store_sales (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    store TEXT NOT NULL,
    product TEXT,
    quantity NUMERIC NOT NULL,
    amount NUMERIC NOT NULL,
    attributes JSONB
);
CREATE INDEX all_store_sales_preparation ON clean.all_store_sales (preparation);
CREATE INDEX all_store_sales_shop_day ON clean.all_store_sales (shop, day);
COMMENT ON TABLE clean.all_store_sales IS 'Daily sales of a store 门店销售 where only totals are known. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_store_sales.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_store_sales.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.all_touches (
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    batch BIGINT NOT NULL,
    preparation BIGINT NOT NULL,
    customer TEXT NOT NULL,
    campaign TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    attributes JSONB
);
CREATE INDEX all_touches_customer ON clean.all_touches (customer);
CREATE INDEX all_touches_preparation ON clean.all_touches (preparation);
CREATE INDEX all_touches_shop_day ON clean.all_touches (shop, day);
COMMENT ON TABLE clean.all_touches IS 'What a campaign did to a customer: sent, opened, clicked, redeemed 触达. All batches and rules, also superseded ones.';
COMMENT ON COLUMN clean.all_touches.day IS 'day in the shop''s time zone';
COMMENT ON COLUMN clean.all_touches.kind IS 'sent, opened, clicked or redeemed';
COMMENT ON COLUMN clean.all_touches.attributes IS 'what the shop''s file adds';

CREATE TABLE clean.identities (
    shop TEXT NOT NULL,
    person TEXT NOT NULL,
    key_kind TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    merged_from TEXT,
    version BIGINT NOT NULL,
    CONSTRAINT identities_pkey PRIMARY KEY (shop, version, key_kind, key_hash),
    CONSTRAINT identities_confidence CHECK (confidence BETWEEN 0 AND 1)
);
CREATE INDEX identities_person ON clean.identities (shop, person);
COMMENT ON TABLE clean.identities IS 'Which keys belong to one person; versioned, joined when read.';
COMMENT ON COLUMN clean.identities.person IS 'one human, whatever the source';
COMMENT ON COLUMN clean.identities.key_kind IS 'customer, phone, email, openid …';
COMMENT ON COLUMN clean.identities.key_hash IS 'the key as facts carry it';
COMMENT ON COLUMN clean.identities.confidence IS 'in [0, 1]; 1 = the sources say so';
COMMENT ON COLUMN clean.identities.merged_from IS 'the person this key belonged to before';

CREATE TABLE clean.preparations (
    preparation BIGINT GENERATED BY DEFAULT AS IDENTITY,
    batch BIGINT NOT NULL,
    shop TEXT NOT NULL,
    source TEXT NOT NULL,
    entity TEXT NOT NULL,
    day DATE NOT NULL,
    rules TEXT NOT NULL,
    is_current BOOLEAN NOT NULL,
    read BIGINT NOT NULL,
    expanded BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    prepared_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (preparation),
    CONSTRAINT preparations_batch_rules UNIQUE (batch, rules),
    CONSTRAINT preparations_conservation CHECK (expanded = kept + quarantined + duplicates),
    CONSTRAINT preparations_counts CHECK (least(read, kept, quarantined, duplicates) >= 0),
    FOREIGN KEY(batch) REFERENCES raw.batches (batch)
);
CREATE UNIQUE INDEX preparations_current ON clean.preparations (shop, source, entity, day) WHERE is_current;
COMMENT ON TABLE clean.preparations IS 'One application of a version of the rules to a batch, with its account of every row.';
COMMENT ON COLUMN clean.preparations.entity IS 'canonical entity that was read';
COMMENT ON COLUMN clean.preparations.rules IS 'version of the mapping and rules in the shop''s file';
COMMENT ON COLUMN clean.preparations.is_current IS 'made from the newest batch of its day, newest rules';
COMMENT ON COLUMN clean.preparations.read IS 'rows as the source gave them';
COMMENT ON COLUMN clean.preparations.expanded IS 'rows after unwinding';
