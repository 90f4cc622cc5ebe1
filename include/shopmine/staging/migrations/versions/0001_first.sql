-- Schemas, tables, sequences and views of the first revision. Frozen: change them by a new revision.

CREATE SCHEMA IF NOT EXISTS raw;

CREATE SCHEMA IF NOT EXISTS clean;

CREATE SCHEMA IF NOT EXISTS work;

CREATE SCHEMA IF NOT EXISTS published;

COMMENT ON SCHEMA raw IS 'Batches: what the sources said, as it was read.';

COMMENT ON SCHEMA clean IS 'Canonical entities, quarantine and accounting.';

COMMENT ON SCHEMA work IS 'Runs, leases, manifests, artifacts, releases, rights.';

COMMENT ON SCHEMA published IS 'Results: what users read.';

CREATE SEQUENCE work.fencing_token AS BIGINT;

CREATE SEQUENCE work.release_number AS BIGINT;

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

CREATE TABLE published.stored_actions (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    action TEXT NOT NULL,
    entity TEXT,
    key TEXT,
    value DOUBLE PRECISION,
    title_en TEXT,
    title_zh TEXT,
    reasons JSONB
);

CREATE INDEX stored_actions_key ON published.stored_actions (release, rank);

COMMENT ON TABLE published.stored_actions IS 'What to do, best first 行动建议.';

COMMENT ON COLUMN published.stored_actions.rank IS '1 is first';

COMMENT ON COLUMN published.stored_actions.entity IS 'customer, product, segment …: what it is about';

COMMENT ON COLUMN published.stored_actions.key IS 'which one';

COMMENT ON COLUMN published.stored_actions.value IS 'expected gain in the shop''s currency';

CREATE TABLE published.stored_anomalies (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    series TEXT NOT NULL,
    key TEXT,
    day DATE NOT NULL,
    expected DOUBLE PRECISION,
    actual DOUBLE PRECISION,
    score DOUBLE PRECISION,
    detail TEXT
);

CREATE INDEX stored_anomalies_key ON published.stored_anomalies (release, series, key, day);

COMMENT ON TABLE published.stored_anomalies IS 'Days that are unlike what was expected 异常.';

COMMENT ON COLUMN published.stored_anomalies.key IS 'of what; null: of the shop';

COMMENT ON COLUMN published.stored_anomalies.day IS 'the day that is unusual';

COMMENT ON COLUMN published.stored_anomalies.score IS 'distance in robust standard deviations';

CREATE TABLE published.stored_audiences (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    product TEXT NOT NULL,
    rank BIGINT NOT NULL,
    customer TEXT NOT NULL,
    score DOUBLE PRECISION,
    reasons JSONB
);

CREATE INDEX stored_audiences_customer ON published.stored_audiences (release, customer);

CREATE UNIQUE INDEX stored_audiences_key ON published.stored_audiences (release, product, rank);

COMMENT ON TABLE published.stored_audiences IS 'The best customers for a product 目标用户.';

COMMENT ON COLUMN published.stored_audiences.rank IS '1 is best';

COMMENT ON COLUMN published.stored_audiences.reasons IS 'why the customer is there';

CREATE TABLE published.stored_checks (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    day DATE NOT NULL,
    check_name TEXT NOT NULL,
    expected TEXT,
    actual TEXT,
    passed BOOLEAN NOT NULL,
    detail TEXT
);

CREATE INDEX stored_checks_key ON published.stored_checks (release, day, check_name);

COMMENT ON TABLE published.stored_checks IS 'What was checked before the release 检查.';

COMMENT ON COLUMN published.stored_checks.day IS 'the day that was checked';

CREATE TABLE published.stored_customers (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    customer TEXT NOT NULL,
    segment TEXT,
    segment_name_en TEXT,
    segment_name_zh TEXT,
    membership DOUBLE PRECISION,
    memberships JSONB,
    recency_days BIGINT,
    orders BIGINT,
    spend NUMERIC,
    churn_probability DOUBLE PRECISION,
    will_buy_probability DOUBLE PRECISION,
    expected_value DOUBLE PRECISION,
    features JSONB
);

CREATE UNIQUE INDEX stored_customers_key ON published.stored_customers (release, customer);

COMMENT ON TABLE published.stored_customers IS 'Customer profiles 用户画像 of a release.';

COMMENT ON COLUMN published.stored_customers.membership IS 'probability of its own segment';

COMMENT ON COLUMN published.stored_customers.memberships IS 'probability of each segment';

COMMENT ON COLUMN published.stored_customers.recency_days IS 'days since the last order';

COMMENT ON COLUMN published.stored_customers.spend IS 'in the shop''s currency';

COMMENT ON COLUMN published.stored_customers.expected_value IS 'expected spend ahead, in the shop''s currency';

COMMENT ON COLUMN published.stored_customers.features IS 'everything else that is known for the day';

CREATE TABLE published.stored_factors (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    model TEXT NOT NULL,
    component BIGINT NOT NULL,
    variable TEXT NOT NULL,
    loading DOUBLE PRECISION,
    variance_share DOUBLE PRECISION
);

CREATE INDEX stored_factors_key ON published.stored_factors (release, model, component, variable);

COMMENT ON TABLE published.stored_factors IS 'Factor loadings 因子分析.';

COMMENT ON COLUMN published.stored_factors.model IS 'factor or pca';

COMMENT ON COLUMN published.stored_factors.component IS 'from 1, by variance';

COMMENT ON COLUMN published.stored_factors.variance_share IS 'of the component, in [0, 1]';

CREATE TABLE published.stored_forecasts (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    series TEXT NOT NULL,
    key TEXT,
    day DATE NOT NULL,
    mean DOUBLE PRECISION,
    lo80 DOUBLE PRECISION,
    hi80 DOUBLE PRECISION,
    lo95 DOUBLE PRECISION,
    hi95 DOUBLE PRECISION
);

CREATE INDEX stored_forecasts_key ON published.stored_forecasts (release, series, key, day);

COMMENT ON TABLE published.stored_forecasts IS 'Forecasts 预测 with intervals.';

COMMENT ON COLUMN published.stored_forecasts.series IS 'what is forecast: revenue, orders, demand …';

COMMENT ON COLUMN published.stored_forecasts.key IS 'of what: a product, a store; null: of the shop';

COMMENT ON COLUMN published.stored_forecasts.day IS 'the day that is forecast';

CREATE TABLE published.stored_metrics (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    model TEXT NOT NULL,
    metric TEXT NOT NULL,
    value DOUBLE PRECISION,
    low DOUBLE PRECISION,
    high DOUBLE PRECISION,
    baseline DOUBLE PRECISION,
    is_champion BOOLEAN,
    day DATE
);

CREATE INDEX stored_metrics_key ON published.stored_metrics (release, model, metric, day);

COMMENT ON TABLE published.stored_metrics IS 'How good each model is 模型指标.';

COMMENT ON COLUMN published.stored_metrics.low IS 'lower bound of the interval';

COMMENT ON COLUMN published.stored_metrics.high IS 'upper bound of the interval';

COMMENT ON COLUMN published.stored_metrics.baseline IS 'the same metric of the trivial baseline';

COMMENT ON COLUMN published.stored_metrics.day IS 'training day of the model';

CREATE TABLE published.stored_recommendations (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    customer TEXT NOT NULL,
    list TEXT NOT NULL,
    rank BIGINT NOT NULL,
    product TEXT NOT NULL,
    score DOUBLE PRECISION,
    source TEXT,
    reasons JSONB
);

CREATE UNIQUE INDEX stored_recommendations_key ON published.stored_recommendations (release, customer, list, rank);

COMMENT ON TABLE published.stored_recommendations IS 'Recommended products 产品推荐 of each customer.';

COMMENT ON COLUMN published.stored_recommendations.list IS 'for_you, discover (only what is new to the customer) or buy_again';

COMMENT ON COLUMN published.stored_recommendations.rank IS '1 is best';

COMMENT ON COLUMN published.stored_recommendations.source IS 'the method that proposed it';

COMMENT ON COLUMN published.stored_recommendations.reasons IS 'why it is there';

CREATE TABLE published.stored_rules (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    antecedent TEXT[] NOT NULL,
    consequent TEXT[] NOT NULL,
    support_count BIGINT,
    confidence DOUBLE PRECISION,
    lift DOUBLE PRECISION,
    q_value DOUBLE PRECISION,
    holds_later BOOLEAN
);

CREATE INDEX stored_rules_key ON published.stored_rules (release, antecedent, consequent);

COMMENT ON TABLE published.stored_rules IS 'Association rules 关联规则.';

COMMENT ON COLUMN published.stored_rules.antecedent IS 'who buys these';

COMMENT ON COLUMN published.stored_rules.consequent IS 'also buys these';

COMMENT ON COLUMN published.stored_rules.support_count IS 'baskets with both';

COMMENT ON COLUMN published.stored_rules.q_value IS 'false-discovery rate at which it would still count';

COMMENT ON COLUMN published.stored_rules.holds_later IS 'confirmed on later weeks';

CREATE TABLE published.stored_segments (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    segment TEXT NOT NULL,
    name_en TEXT,
    name_zh TEXT,
    customers BIGINT,
    share DOUBLE PRECISION,
    mean JSONB,
    median JSONB,
    born_day DATE,
    parents TEXT[]
);

CREATE UNIQUE INDEX stored_segments_key ON published.stored_segments (release, segment);

COMMENT ON TABLE published.stored_segments IS 'Segments of the customers 用户分群.';

COMMENT ON COLUMN published.stored_segments.customers IS 'how many belong to it';

COMMENT ON COLUMN published.stored_segments.share IS 'of all customers, in [0, 1]';

COMMENT ON COLUMN published.stored_segments.mean IS 'mean of each feature';

COMMENT ON COLUMN published.stored_segments.median IS 'median of each feature';

COMMENT ON COLUMN published.stored_segments.born_day IS 'training day on which it appeared';

COMMENT ON COLUMN published.stored_segments.parents IS 'segments it came from';

CREATE TABLE published.stored_sentiments (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    product TEXT,
    source TEXT,
    texts BIGINT,
    positive DOUBLE PRECISION,
    neutral DOUBLE PRECISION,
    negative DOUBLE PRECISION,
    score DOUBLE PRECISION,
    rating DOUBLE PRECISION
);

CREATE INDEX stored_sentiments_key ON published.stored_sentiments (release, product, source);

COMMENT ON TABLE published.stored_sentiments IS 'What reviews and posts feel about each product 情感.';

COMMENT ON COLUMN published.stored_sentiments.product IS 'null: of the shop';

COMMENT ON COLUMN published.stored_sentiments.source IS 'reviews or social_posts';

COMMENT ON COLUMN published.stored_sentiments.texts IS 'how many were read';

COMMENT ON COLUMN published.stored_sentiments.positive IS 'share, in [0, 1]';

COMMENT ON COLUMN published.stored_sentiments.neutral IS 'share, in [0, 1]';

COMMENT ON COLUMN published.stored_sentiments.negative IS 'share, in [0, 1]';

COMMENT ON COLUMN published.stored_sentiments.score IS 'mean, in [-1, 1]';

COMMENT ON COLUMN published.stored_sentiments.rating IS 'mean rating given, in the shop''s scale';

CREATE TABLE published.stored_similar_products (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    product TEXT NOT NULL,
    rank BIGINT NOT NULL,
    "similar" TEXT NOT NULL,
    score DOUBLE PRECISION
);

CREATE UNIQUE INDEX stored_similar_products_key ON published.stored_similar_products (release, product, rank);

COMMENT ON TABLE published.stored_similar_products IS 'Products like a product 相似商品.';

COMMENT ON COLUMN published.stored_similar_products.rank IS '1 is most similar';

COMMENT ON COLUMN published.stored_similar_products."similar" IS 'the similar product';

CREATE TABLE published.stored_statistics (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    day DATE NOT NULL,
    metric TEXT NOT NULL,
    key TEXT,
    value NUMERIC
);

CREATE INDEX stored_statistics_key ON published.stored_statistics (release, day, metric, key);

COMMENT ON TABLE published.stored_statistics IS 'Figures for people and BI tools 统计.';

COMMENT ON COLUMN published.stored_statistics.day IS 'the day that is counted';

COMMENT ON COLUMN published.stored_statistics.key IS 'of what: a store, a channel; null: of the shop';

CREATE TABLE published.stored_topics (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    entity TEXT NOT NULL,
    topic TEXT NOT NULL,
    product TEXT,
    texts BIGINT,
    share DOUBLE PRECISION,
    score DOUBLE PRECISION,
    terms TEXT[]
);

CREATE INDEX stored_topics_key ON published.stored_topics (release, entity, topic, product);

COMMENT ON TABLE published.stored_topics IS 'What reviews and posts speak about 话题.';

COMMENT ON COLUMN published.stored_topics.entity IS 'reviews or social_posts';

COMMENT ON COLUMN published.stored_topics.product IS 'null: of the shop';

COMMENT ON COLUMN published.stored_topics.texts IS 'how many speak about it';

COMMENT ON COLUMN published.stored_topics.share IS 'of all texts, in [0, 1]';

COMMENT ON COLUMN published.stored_topics.score IS 'mean sentiment, in [-1, 1]';

COMMENT ON COLUMN published.stored_topics.terms IS 'what it is recognised by';

CREATE TABLE raw.batches (
    batch BIGINT GENERATED BY DEFAULT AS IDENTITY,
    shop TEXT NOT NULL,
    source TEXT NOT NULL,
    entity TEXT NOT NULL,
    day DATE NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE NOT NULL,
    known_at_assumed BOOLEAN NOT NULL,
    content_hash TEXT NOT NULL,
    n_rows BIGINT NOT NULL,
    n_bytes BIGINT NOT NULL,
    columns JSONB NOT NULL,
    format TEXT NOT NULL,
    landed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    is_redacted BOOLEAN DEFAULT false NOT NULL,
    PRIMARY KEY (batch),
    CONSTRAINT batches_format CHECK (format IN ('copy', 'jsonl')),
    CONSTRAINT batches_counts CHECK (n_rows >= 0 AND n_bytes >= 0)
);

CREATE INDEX batches_newest ON raw.batches (shop, source, entity, day, known_at, batch);

COMMENT ON TABLE raw.batches IS 'What one source said about one entity and one day, as read at one moment; never changed.';

COMMENT ON COLUMN raw.batches.source IS 'name of the source in the shop''s file';

COMMENT ON COLUMN raw.batches.entity IS 'canonical entity that was read';

COMMENT ON COLUMN raw.batches.day IS 'day in the shop''s time zone';

COMMENT ON COLUMN raw.batches.known_at IS 'when the source said so';

COMMENT ON COLUMN raw.batches.known_at_assumed IS 'history loaded in bulk: known_at is the end of the day, not when it was read';

COMMENT ON COLUMN raw.batches.content_hash IS 'sha256 over the columns and the sorted lines';

COMMENT ON COLUMN raw.batches.n_rows IS 'rows as the source gave them';

COMMENT ON COLUMN raw.batches.n_bytes IS 'size of the lines before compression';

COMMENT ON COLUMN raw.batches.columns IS 'name and type of each value of a line, in order';

COMMENT ON COLUMN raw.batches.format IS 'copy: PostgreSQL COPY text; jsonl: extended JSON';

COMMENT ON COLUMN raw.batches.is_redacted IS 'a person was removed from it afterwards; content_hash is of what remains';

CREATE TABLE work.artifacts (
    artifact BIGINT GENERATED BY DEFAULT AS IDENTITY,
    key TEXT NOT NULL,
    shop TEXT NOT NULL,
    name TEXT NOT NULL,
    day DATE NOT NULL,
    content_hash TEXT NOT NULL,
    frames JSONB NOT NULL,
    meta JSONB NOT NULL,
    run BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    is_redacted BOOLEAN DEFAULT false NOT NULL,
    PRIMARY KEY (artifact),
    UNIQUE (key)
);

CREATE INDEX artifacts_shop_name_day ON work.artifacts (shop, name, day);

COMMENT ON TABLE work.artifacts IS 'Outputs of tasks: frames, matrices, models, metrics; never changed.';

COMMENT ON COLUMN work.artifacts.key IS 'sha256 of inputs, code, configuration and seed';

COMMENT ON COLUMN work.artifacts.content_hash IS 'sha256 over the values, not the stored bytes';

COMMENT ON COLUMN work.artifacts.frames IS 'name, rows, size in bytes and sha256 of each stored frame';

COMMENT ON COLUMN work.artifacts.run IS 'the run that made it first';

COMMENT ON COLUMN work.artifacts.is_redacted IS 'a person was removed from it afterwards';

CREATE TABLE work.leases (
    name TEXT NOT NULL,
    token BIGINT NOT NULL,
    holder TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (name)
);

COMMENT ON TABLE work.leases IS 'Who may write what. A committing transaction checks that its token is still the newest.';

COMMENT ON COLUMN work.leases.name IS 'what may be written';

COMMENT ON COLUMN work.leases.token IS 'fencing token of the newest holder';

COMMENT ON COLUMN work.leases.holder IS 'host and process, for people';

COMMENT ON COLUMN work.leases.expires_at IS 'from then on another may take it';

CREATE TABLE work.releases (
    release BIGINT NOT NULL,
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE,
    run BIGINT NOT NULL,
    key TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    n_rows JSONB NOT NULL,
    state TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (release),
    CONSTRAINT releases_key UNIQUE (shop, day, key),
    CONSTRAINT releases_state CHECK (state IN ('released', 'waiting'))
);

COMMENT ON TABLE work.releases IS 'Releases: one consistent set of published results for one day.';

COMMENT ON COLUMN work.releases.known_at IS 'as known then; null: as known when it was made';

COMMENT ON COLUMN work.releases.key IS 'names what it was made from; the same key is published once';

COMMENT ON COLUMN work.releases.content_hash IS 'sha256 over the result columns in a total order';

COMMENT ON COLUMN work.releases.n_rows IS 'rows of each table';

COMMENT ON COLUMN work.releases.state IS 'released, or waiting for `approve` while the shop is pinned';

CREATE TABLE work.rights (
    shop TEXT NOT NULL,
    customer TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT rights_pkey PRIMARY KEY (shop, customer, kind),
    CONSTRAINT rights_kind CHECK (kind IN ('no_personalisation', 'no_profiling', 'deletion'))
);

COMMENT ON TABLE work.rights IS 'What persons asked for; views hide them from the moment a row is here.';

COMMENT ON COLUMN work.rights.customer IS 'the source''s own key of the person, as stored';

COMMENT ON COLUMN work.rights.kind IS 'no_personalisation, no_profiling or deletion';

COMMENT ON COLUMN work.rights.at IS 'since when; never time-travels';

CREATE TABLE work.runs (
    run BIGINT GENERATED BY DEFAULT AS IDENTITY,
    shop TEXT NOT NULL,
    day DATE NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    started_by TEXT NOT NULL,
    config JSONB NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (run)
);

CREATE INDEX runs_shop_day ON work.runs (shop, day);

COMMENT ON TABLE work.runs IS 'Runs of a shop for a day.';

COMMENT ON COLUMN work.runs.day IS 'results depend on nothing later than this day';

COMMENT ON COLUMN work.runs.known_at IS 'as known then; null: as now known';

COMMENT ON COLUMN work.runs.state IS 'running, or how it ended';

COMMENT ON COLUMN work.runs.config IS 'the settings the run was started with';

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

CREATE TABLE raw.chunks (
    batch BIGINT NOT NULL,
    position INTEGER NOT NULL,
    data BYTEA NOT NULL,
    CONSTRAINT chunks_pkey PRIMARY KEY (batch, position),
    FOREIGN KEY(batch) REFERENCES raw.batches (batch) ON DELETE CASCADE
);

ALTER TABLE raw.chunks ALTER COLUMN data SET STORAGE EXTERNAL;

COMMENT ON TABLE raw.chunks IS 'The lines of each batch, joined by newlines, compressed with zstd and cut into pieces.';

COMMENT ON COLUMN raw.chunks.position IS 'order of the pieces, from 0';

COMMENT ON COLUMN raw.chunks.data IS 'at most 1 MB of the zstd frame';

CREATE TABLE work.artifact_chunks (
    artifact BIGINT NOT NULL,
    position INTEGER NOT NULL,
    data BYTEA NOT NULL,
    CONSTRAINT artifact_chunks_pkey PRIMARY KEY (artifact, position),
    FOREIGN KEY(artifact) REFERENCES work.artifacts (artifact) ON DELETE CASCADE
);

ALTER TABLE work.artifact_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

COMMENT ON TABLE work.artifact_chunks IS 'The frames of each artifact as Arrow IPC streams, one after the other, cut into pieces.';

COMMENT ON COLUMN work.artifact_chunks.position IS 'order of the pieces, from 0';

COMMENT ON COLUMN work.artifact_chunks.data IS 'at most 1 MB';

CREATE TABLE work.manifests (
    manifest BIGINT GENERATED BY DEFAULT AS IDENTITY,
    run BIGINT NOT NULL,
    batches BIGINT[] NOT NULL,
    snapshots BIGINT[] NOT NULL,
    content_hash TEXT NOT NULL,
    frozen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (manifest),
    UNIQUE (run),
    FOREIGN KEY(run) REFERENCES work.runs (run) ON DELETE CASCADE
);

COMMENT ON TABLE work.manifests IS 'The batches that a run reads, fixed once.';

COMMENT ON COLUMN work.manifests.batches IS 'newest batch of each day of each fact entity';

COMMENT ON COLUMN work.manifests.snapshots IS 'newest batch of each day of each snapshot entity; the newest day that is not later counts';

COMMENT ON COLUMN work.manifests.content_hash IS 'sha256 over the content of the batches that count';

CREATE TABLE work.pointers (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    is_pinned BOOLEAN NOT NULL,
    moved_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (shop),
    FOREIGN KEY(release) REFERENCES work.releases (release)
);

COMMENT ON TABLE work.pointers IS 'The current release of each shop.';

COMMENT ON COLUMN work.pointers.is_pinned IS 'rolled back: later releases wait for `approve`';

CREATE TABLE work.run_artifacts (
    run BIGINT NOT NULL,
    name TEXT NOT NULL,
    artifact BIGINT NOT NULL,
    CONSTRAINT run_artifacts_pkey PRIMARY KEY (run, name),
    FOREIGN KEY(run) REFERENCES work.runs (run) ON DELETE CASCADE,
    FOREIGN KEY(artifact) REFERENCES work.artifacts (artifact)
);

COMMENT ON TABLE work.run_artifacts IS 'The artifacts that a run made or found.';

COMMENT ON COLUMN work.run_artifacts.name IS 'what the run calls it';

CREATE TABLE work.run_steps (
    run BIGINT NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    detail JSONB NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT run_steps_pkey PRIMARY KEY (run, step),
    FOREIGN KEY(run) REFERENCES work.runs (run) ON DELETE CASCADE
);

COMMENT ON TABLE work.run_steps IS 'The report of a run, step by step.';

COMMENT ON COLUMN work.run_steps.detail IS 'counts and reasons, never data of a person';

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

CREATE VIEW published.releases AS
SELECT work.releases.shop, work.releases.release, work.releases.day, work.releases.known_at, work.releases.created_at, work.pointers.release IS NOT NULL AS is_current, work.releases.content_hash, work.releases.state, work.releases.run, work.releases.n_rows
FROM work.releases LEFT OUTER JOIN work.pointers ON work.pointers.release = work.releases.release;

COMMENT ON VIEW published.releases IS 'All retained releases.';

COMMENT ON COLUMN published.releases.known_at IS 'as known then; null: as known when it was made';

COMMENT ON COLUMN published.releases.content_hash IS 'sha256 over the result columns in a total order';

COMMENT ON COLUMN published.releases.state IS 'released, or waiting for `approve` while the shop is pinned';

COMMENT ON COLUMN published.releases.n_rows IS 'rows of each table';

CREATE VIEW published.customers AS
SELECT work.pointers.shop, published.stored_customers.release, published.stored_customers.customer, published.stored_customers.segment, published.stored_customers.segment_name_en, published.stored_customers.segment_name_zh, published.stored_customers.membership, published.stored_customers.memberships, published.stored_customers.recency_days, published.stored_customers.orders, published.stored_customers.spend, published.stored_customers.churn_probability, published.stored_customers.will_buy_probability, published.stored_customers.expected_value, published.stored_customers.features
FROM work.pointers JOIN published.stored_customers ON published.stored_customers.release = work.pointers.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.pointers.shop AND work.rights.customer = published.stored_customers.customer AND work.rights.kind IN ('no_profiling', 'deletion')));

COMMENT ON VIEW published.customers IS 'Customer profiles 用户画像 of a release. The current release of each shop.';

COMMENT ON COLUMN published.customers.membership IS 'probability of its own segment';

COMMENT ON COLUMN published.customers.memberships IS 'probability of each segment';

COMMENT ON COLUMN published.customers.recency_days IS 'days since the last order';

COMMENT ON COLUMN published.customers.spend IS 'in the shop''s currency';

COMMENT ON COLUMN published.customers.expected_value IS 'expected spend ahead, in the shop''s currency';

COMMENT ON COLUMN published.customers.features IS 'everything else that is known for the day';

CREATE VIEW published.all_customers AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_customers.release, published.stored_customers.customer, published.stored_customers.segment, published.stored_customers.segment_name_en, published.stored_customers.segment_name_zh, published.stored_customers.membership, published.stored_customers.memberships, published.stored_customers.recency_days, published.stored_customers.orders, published.stored_customers.spend, published.stored_customers.churn_probability, published.stored_customers.will_buy_probability, published.stored_customers.expected_value, published.stored_customers.features
FROM work.releases JOIN published.stored_customers ON published.stored_customers.release = work.releases.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.releases.shop AND work.rights.customer = published.stored_customers.customer AND work.rights.kind IN ('no_profiling', 'deletion')));

COMMENT ON VIEW published.all_customers IS 'Customer profiles 用户画像 of a release. Every retained release.';

COMMENT ON COLUMN published.all_customers.membership IS 'probability of its own segment';

COMMENT ON COLUMN published.all_customers.memberships IS 'probability of each segment';

COMMENT ON COLUMN published.all_customers.recency_days IS 'days since the last order';

COMMENT ON COLUMN published.all_customers.spend IS 'in the shop''s currency';

COMMENT ON COLUMN published.all_customers.expected_value IS 'expected spend ahead, in the shop''s currency';

COMMENT ON COLUMN published.all_customers.features IS 'everything else that is known for the day';

CREATE VIEW published.segments AS
SELECT work.pointers.shop, published.stored_segments.release, published.stored_segments.segment, published.stored_segments.name_en, published.stored_segments.name_zh, published.stored_segments.customers, published.stored_segments.share, published.stored_segments.mean, published.stored_segments.median, published.stored_segments.born_day, published.stored_segments.parents
FROM work.pointers JOIN published.stored_segments ON published.stored_segments.release = work.pointers.release;

COMMENT ON VIEW published.segments IS 'Segments of the customers 用户分群. The current release of each shop.';

COMMENT ON COLUMN published.segments.customers IS 'how many belong to it';

COMMENT ON COLUMN published.segments.share IS 'of all customers, in [0, 1]';

COMMENT ON COLUMN published.segments.mean IS 'mean of each feature';

COMMENT ON COLUMN published.segments.median IS 'median of each feature';

COMMENT ON COLUMN published.segments.born_day IS 'training day on which it appeared';

COMMENT ON COLUMN published.segments.parents IS 'segments it came from';

CREATE VIEW published.all_segments AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_segments.release, published.stored_segments.segment, published.stored_segments.name_en, published.stored_segments.name_zh, published.stored_segments.customers, published.stored_segments.share, published.stored_segments.mean, published.stored_segments.median, published.stored_segments.born_day, published.stored_segments.parents
FROM work.releases JOIN published.stored_segments ON published.stored_segments.release = work.releases.release;

COMMENT ON VIEW published.all_segments IS 'Segments of the customers 用户分群. Every retained release.';

COMMENT ON COLUMN published.all_segments.customers IS 'how many belong to it';

COMMENT ON COLUMN published.all_segments.share IS 'of all customers, in [0, 1]';

COMMENT ON COLUMN published.all_segments.mean IS 'mean of each feature';

COMMENT ON COLUMN published.all_segments.median IS 'median of each feature';

COMMENT ON COLUMN published.all_segments.born_day IS 'training day on which it appeared';

COMMENT ON COLUMN published.all_segments.parents IS 'segments it came from';

CREATE VIEW published.recommendations AS
SELECT work.pointers.shop, published.stored_recommendations.release, published.stored_recommendations.customer, published.stored_recommendations.list, published.stored_recommendations.rank, published.stored_recommendations.product, published.stored_recommendations.score, published.stored_recommendations.source, published.stored_recommendations.reasons
FROM work.pointers JOIN published.stored_recommendations ON published.stored_recommendations.release = work.pointers.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.pointers.shop AND work.rights.customer = published.stored_recommendations.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));

COMMENT ON VIEW published.recommendations IS 'Recommended products 产品推荐 of each customer. The current release of each shop.';

COMMENT ON COLUMN published.recommendations.list IS 'for_you, discover (only what is new to the customer) or buy_again';

COMMENT ON COLUMN published.recommendations.rank IS '1 is best';

COMMENT ON COLUMN published.recommendations.source IS 'the method that proposed it';

COMMENT ON COLUMN published.recommendations.reasons IS 'why it is there';

CREATE VIEW published.all_recommendations AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_recommendations.release, published.stored_recommendations.customer, published.stored_recommendations.list, published.stored_recommendations.rank, published.stored_recommendations.product, published.stored_recommendations.score, published.stored_recommendations.source, published.stored_recommendations.reasons
FROM work.releases JOIN published.stored_recommendations ON published.stored_recommendations.release = work.releases.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.releases.shop AND work.rights.customer = published.stored_recommendations.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));

COMMENT ON VIEW published.all_recommendations IS 'Recommended products 产品推荐 of each customer. Every retained release.';

COMMENT ON COLUMN published.all_recommendations.list IS 'for_you, discover (only what is new to the customer) or buy_again';

COMMENT ON COLUMN published.all_recommendations.rank IS '1 is best';

COMMENT ON COLUMN published.all_recommendations.source IS 'the method that proposed it';

COMMENT ON COLUMN published.all_recommendations.reasons IS 'why it is there';

CREATE VIEW published.audiences AS
SELECT work.pointers.shop, published.stored_audiences.release, published.stored_audiences.product, published.stored_audiences.rank, published.stored_audiences.customer, published.stored_audiences.score, published.stored_audiences.reasons
FROM work.pointers JOIN published.stored_audiences ON published.stored_audiences.release = work.pointers.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.pointers.shop AND work.rights.customer = published.stored_audiences.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));

COMMENT ON VIEW published.audiences IS 'The best customers for a product 目标用户. The current release of each shop.';

COMMENT ON COLUMN published.audiences.rank IS '1 is best';

COMMENT ON COLUMN published.audiences.reasons IS 'why the customer is there';

CREATE VIEW published.all_audiences AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_audiences.release, published.stored_audiences.product, published.stored_audiences.rank, published.stored_audiences.customer, published.stored_audiences.score, published.stored_audiences.reasons
FROM work.releases JOIN published.stored_audiences ON published.stored_audiences.release = work.releases.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.releases.shop AND work.rights.customer = published.stored_audiences.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));

COMMENT ON VIEW published.all_audiences IS 'The best customers for a product 目标用户. Every retained release.';

COMMENT ON COLUMN published.all_audiences.rank IS '1 is best';

COMMENT ON COLUMN published.all_audiences.reasons IS 'why the customer is there';

CREATE VIEW published.similar_products AS
SELECT work.pointers.shop, published.stored_similar_products.release, published.stored_similar_products.product, published.stored_similar_products.rank, published.stored_similar_products."similar", published.stored_similar_products.score
FROM work.pointers JOIN published.stored_similar_products ON published.stored_similar_products.release = work.pointers.release;

COMMENT ON VIEW published.similar_products IS 'Products like a product 相似商品. The current release of each shop.';

COMMENT ON COLUMN published.similar_products.rank IS '1 is most similar';

COMMENT ON COLUMN published.similar_products."similar" IS 'the similar product';

CREATE VIEW published.all_similar_products AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_similar_products.release, published.stored_similar_products.product, published.stored_similar_products.rank, published.stored_similar_products."similar", published.stored_similar_products.score
FROM work.releases JOIN published.stored_similar_products ON published.stored_similar_products.release = work.releases.release;

COMMENT ON VIEW published.all_similar_products IS 'Products like a product 相似商品. Every retained release.';

COMMENT ON COLUMN published.all_similar_products.rank IS '1 is most similar';

COMMENT ON COLUMN published.all_similar_products."similar" IS 'the similar product';

CREATE VIEW published.rules AS
SELECT work.pointers.shop, published.stored_rules.release, published.stored_rules.antecedent, published.stored_rules.consequent, published.stored_rules.support_count, published.stored_rules.confidence, published.stored_rules.lift, published.stored_rules.q_value, published.stored_rules.holds_later
FROM work.pointers JOIN published.stored_rules ON published.stored_rules.release = work.pointers.release;

COMMENT ON VIEW published.rules IS 'Association rules 关联规则. The current release of each shop.';

COMMENT ON COLUMN published.rules.antecedent IS 'who buys these';

COMMENT ON COLUMN published.rules.consequent IS 'also buys these';

COMMENT ON COLUMN published.rules.support_count IS 'baskets with both';

COMMENT ON COLUMN published.rules.q_value IS 'false-discovery rate at which it would still count';

COMMENT ON COLUMN published.rules.holds_later IS 'confirmed on later weeks';

CREATE VIEW published.all_rules AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_rules.release, published.stored_rules.antecedent, published.stored_rules.consequent, published.stored_rules.support_count, published.stored_rules.confidence, published.stored_rules.lift, published.stored_rules.q_value, published.stored_rules.holds_later
FROM work.releases JOIN published.stored_rules ON published.stored_rules.release = work.releases.release;

COMMENT ON VIEW published.all_rules IS 'Association rules 关联规则. Every retained release.';

COMMENT ON COLUMN published.all_rules.antecedent IS 'who buys these';

COMMENT ON COLUMN published.all_rules.consequent IS 'also buys these';

COMMENT ON COLUMN published.all_rules.support_count IS 'baskets with both';

COMMENT ON COLUMN published.all_rules.q_value IS 'false-discovery rate at which it would still count';

COMMENT ON COLUMN published.all_rules.holds_later IS 'confirmed on later weeks';

CREATE VIEW published.forecasts AS
SELECT work.pointers.shop, published.stored_forecasts.release, published.stored_forecasts.series, published.stored_forecasts.key, published.stored_forecasts.day, published.stored_forecasts.mean, published.stored_forecasts.lo80, published.stored_forecasts.hi80, published.stored_forecasts.lo95, published.stored_forecasts.hi95
FROM work.pointers JOIN published.stored_forecasts ON published.stored_forecasts.release = work.pointers.release;

COMMENT ON VIEW published.forecasts IS 'Forecasts 预测 with intervals. The current release of each shop.';

COMMENT ON COLUMN published.forecasts.series IS 'what is forecast: revenue, orders, demand …';

COMMENT ON COLUMN published.forecasts.key IS 'of what: a product, a store; null: of the shop';

COMMENT ON COLUMN published.forecasts.day IS 'the day that is forecast';

CREATE VIEW published.all_forecasts AS
SELECT work.releases.shop, work.releases.day AS release_day, published.stored_forecasts.release, published.stored_forecasts.series, published.stored_forecasts.key, published.stored_forecasts.day, published.stored_forecasts.mean, published.stored_forecasts.lo80, published.stored_forecasts.hi80, published.stored_forecasts.lo95, published.stored_forecasts.hi95
FROM work.releases JOIN published.stored_forecasts ON published.stored_forecasts.release = work.releases.release;

COMMENT ON VIEW published.all_forecasts IS 'Forecasts 预测 with intervals. Every retained release.';

COMMENT ON COLUMN published.all_forecasts.series IS 'what is forecast: revenue, orders, demand …';

COMMENT ON COLUMN published.all_forecasts.key IS 'of what: a product, a store; null: of the shop';

COMMENT ON COLUMN published.all_forecasts.day IS 'the day that is forecast';

CREATE VIEW published.factors AS
SELECT work.pointers.shop, published.stored_factors.release, published.stored_factors.model, published.stored_factors.component, published.stored_factors.variable, published.stored_factors.loading, published.stored_factors.variance_share
FROM work.pointers JOIN published.stored_factors ON published.stored_factors.release = work.pointers.release;

COMMENT ON VIEW published.factors IS 'Factor loadings 因子分析. The current release of each shop.';

COMMENT ON COLUMN published.factors.model IS 'factor or pca';

COMMENT ON COLUMN published.factors.component IS 'from 1, by variance';

COMMENT ON COLUMN published.factors.variance_share IS 'of the component, in [0, 1]';

CREATE VIEW published.all_factors AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_factors.release, published.stored_factors.model, published.stored_factors.component, published.stored_factors.variable, published.stored_factors.loading, published.stored_factors.variance_share
FROM work.releases JOIN published.stored_factors ON published.stored_factors.release = work.releases.release;

COMMENT ON VIEW published.all_factors IS 'Factor loadings 因子分析. Every retained release.';

COMMENT ON COLUMN published.all_factors.model IS 'factor or pca';

COMMENT ON COLUMN published.all_factors.component IS 'from 1, by variance';

COMMENT ON COLUMN published.all_factors.variance_share IS 'of the component, in [0, 1]';

CREATE VIEW published.metrics AS
SELECT work.pointers.shop, published.stored_metrics.release, published.stored_metrics.model, published.stored_metrics.metric, published.stored_metrics.value, published.stored_metrics.low, published.stored_metrics.high, published.stored_metrics.baseline, published.stored_metrics.is_champion, published.stored_metrics.day
FROM work.pointers JOIN published.stored_metrics ON published.stored_metrics.release = work.pointers.release;

COMMENT ON VIEW published.metrics IS 'How good each model is 模型指标. The current release of each shop.';

COMMENT ON COLUMN published.metrics.low IS 'lower bound of the interval';

COMMENT ON COLUMN published.metrics.high IS 'upper bound of the interval';

COMMENT ON COLUMN published.metrics.baseline IS 'the same metric of the trivial baseline';

COMMENT ON COLUMN published.metrics.day IS 'training day of the model';

CREATE VIEW published.all_metrics AS
SELECT work.releases.shop, work.releases.day AS release_day, published.stored_metrics.release, published.stored_metrics.model, published.stored_metrics.metric, published.stored_metrics.value, published.stored_metrics.low, published.stored_metrics.high, published.stored_metrics.baseline, published.stored_metrics.is_champion, published.stored_metrics.day
FROM work.releases JOIN published.stored_metrics ON published.stored_metrics.release = work.releases.release;

COMMENT ON VIEW published.all_metrics IS 'How good each model is 模型指标. Every retained release.';

COMMENT ON COLUMN published.all_metrics.low IS 'lower bound of the interval';

COMMENT ON COLUMN published.all_metrics.high IS 'upper bound of the interval';

COMMENT ON COLUMN published.all_metrics.baseline IS 'the same metric of the trivial baseline';

COMMENT ON COLUMN published.all_metrics.day IS 'training day of the model';

CREATE VIEW published.statistics AS
SELECT work.pointers.shop, published.stored_statistics.release, published.stored_statistics.day, published.stored_statistics.metric, published.stored_statistics.key, published.stored_statistics.value
FROM work.pointers JOIN published.stored_statistics ON published.stored_statistics.release = work.pointers.release;

COMMENT ON VIEW published.statistics IS 'Figures for people and BI tools 统计. The current release of each shop.';

COMMENT ON COLUMN published.statistics.day IS 'the day that is counted';

COMMENT ON COLUMN published.statistics.key IS 'of what: a store, a channel; null: of the shop';

CREATE VIEW published.all_statistics AS
SELECT work.releases.shop, work.releases.day AS release_day, published.stored_statistics.release, published.stored_statistics.day, published.stored_statistics.metric, published.stored_statistics.key, published.stored_statistics.value
FROM work.releases JOIN published.stored_statistics ON published.stored_statistics.release = work.releases.release;

COMMENT ON VIEW published.all_statistics IS 'Figures for people and BI tools 统计. Every retained release.';

COMMENT ON COLUMN published.all_statistics.day IS 'the day that is counted';

COMMENT ON COLUMN published.all_statistics.key IS 'of what: a store, a channel; null: of the shop';

CREATE VIEW published.sentiments AS
SELECT work.pointers.shop, published.stored_sentiments.release, published.stored_sentiments.product, published.stored_sentiments.source, published.stored_sentiments.texts, published.stored_sentiments.positive, published.stored_sentiments.neutral, published.stored_sentiments.negative, published.stored_sentiments.score, published.stored_sentiments.rating
FROM work.pointers JOIN published.stored_sentiments ON published.stored_sentiments.release = work.pointers.release;

COMMENT ON VIEW published.sentiments IS 'What reviews and posts feel about each product 情感. The current release of each shop.';

COMMENT ON COLUMN published.sentiments.product IS 'null: of the shop';

COMMENT ON COLUMN published.sentiments.source IS 'reviews or social_posts';

COMMENT ON COLUMN published.sentiments.texts IS 'how many were read';

COMMENT ON COLUMN published.sentiments.positive IS 'share, in [0, 1]';

COMMENT ON COLUMN published.sentiments.neutral IS 'share, in [0, 1]';

COMMENT ON COLUMN published.sentiments.negative IS 'share, in [0, 1]';

COMMENT ON COLUMN published.sentiments.score IS 'mean, in [-1, 1]';

COMMENT ON COLUMN published.sentiments.rating IS 'mean rating given, in the shop''s scale';

CREATE VIEW published.all_sentiments AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_sentiments.release, published.stored_sentiments.product, published.stored_sentiments.source, published.stored_sentiments.texts, published.stored_sentiments.positive, published.stored_sentiments.neutral, published.stored_sentiments.negative, published.stored_sentiments.score, published.stored_sentiments.rating
FROM work.releases JOIN published.stored_sentiments ON published.stored_sentiments.release = work.releases.release;

COMMENT ON VIEW published.all_sentiments IS 'What reviews and posts feel about each product 情感. Every retained release.';

COMMENT ON COLUMN published.all_sentiments.product IS 'null: of the shop';

COMMENT ON COLUMN published.all_sentiments.source IS 'reviews or social_posts';

COMMENT ON COLUMN published.all_sentiments.texts IS 'how many were read';

COMMENT ON COLUMN published.all_sentiments.positive IS 'share, in [0, 1]';

COMMENT ON COLUMN published.all_sentiments.neutral IS 'share, in [0, 1]';

COMMENT ON COLUMN published.all_sentiments.negative IS 'share, in [0, 1]';

COMMENT ON COLUMN published.all_sentiments.score IS 'mean, in [-1, 1]';

COMMENT ON COLUMN published.all_sentiments.rating IS 'mean rating given, in the shop''s scale';

CREATE VIEW published.topics AS
SELECT work.pointers.shop, published.stored_topics.release, published.stored_topics.entity, published.stored_topics.topic, published.stored_topics.product, published.stored_topics.texts, published.stored_topics.share, published.stored_topics.score, published.stored_topics.terms
FROM work.pointers JOIN published.stored_topics ON published.stored_topics.release = work.pointers.release;

COMMENT ON VIEW published.topics IS 'What reviews and posts speak about 话题. The current release of each shop.';

COMMENT ON COLUMN published.topics.entity IS 'reviews or social_posts';

COMMENT ON COLUMN published.topics.product IS 'null: of the shop';

COMMENT ON COLUMN published.topics.texts IS 'how many speak about it';

COMMENT ON COLUMN published.topics.share IS 'of all texts, in [0, 1]';

COMMENT ON COLUMN published.topics.score IS 'mean sentiment, in [-1, 1]';

COMMENT ON COLUMN published.topics.terms IS 'what it is recognised by';

CREATE VIEW published.all_topics AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_topics.release, published.stored_topics.entity, published.stored_topics.topic, published.stored_topics.product, published.stored_topics.texts, published.stored_topics.share, published.stored_topics.score, published.stored_topics.terms
FROM work.releases JOIN published.stored_topics ON published.stored_topics.release = work.releases.release;

COMMENT ON VIEW published.all_topics IS 'What reviews and posts speak about 话题. Every retained release.';

COMMENT ON COLUMN published.all_topics.entity IS 'reviews or social_posts';

COMMENT ON COLUMN published.all_topics.product IS 'null: of the shop';

COMMENT ON COLUMN published.all_topics.texts IS 'how many speak about it';

COMMENT ON COLUMN published.all_topics.share IS 'of all texts, in [0, 1]';

COMMENT ON COLUMN published.all_topics.score IS 'mean sentiment, in [-1, 1]';

COMMENT ON COLUMN published.all_topics.terms IS 'what it is recognised by';

CREATE VIEW published.anomalies AS
SELECT work.pointers.shop, published.stored_anomalies.release, published.stored_anomalies.series, published.stored_anomalies.key, published.stored_anomalies.day, published.stored_anomalies.expected, published.stored_anomalies.actual, published.stored_anomalies.score, published.stored_anomalies.detail
FROM work.pointers JOIN published.stored_anomalies ON published.stored_anomalies.release = work.pointers.release;

COMMENT ON VIEW published.anomalies IS 'Days that are unlike what was expected 异常. The current release of each shop.';

COMMENT ON COLUMN published.anomalies.key IS 'of what; null: of the shop';

COMMENT ON COLUMN published.anomalies.day IS 'the day that is unusual';

COMMENT ON COLUMN published.anomalies.score IS 'distance in robust standard deviations';

CREATE VIEW published.all_anomalies AS
SELECT work.releases.shop, work.releases.day AS release_day, published.stored_anomalies.release, published.stored_anomalies.series, published.stored_anomalies.key, published.stored_anomalies.day, published.stored_anomalies.expected, published.stored_anomalies.actual, published.stored_anomalies.score, published.stored_anomalies.detail
FROM work.releases JOIN published.stored_anomalies ON published.stored_anomalies.release = work.releases.release;

COMMENT ON VIEW published.all_anomalies IS 'Days that are unlike what was expected 异常. Every retained release.';

COMMENT ON COLUMN published.all_anomalies.key IS 'of what; null: of the shop';

COMMENT ON COLUMN published.all_anomalies.day IS 'the day that is unusual';

COMMENT ON COLUMN published.all_anomalies.score IS 'distance in robust standard deviations';

CREATE VIEW published.actions AS
SELECT work.pointers.shop, published.stored_actions.release, published.stored_actions.rank, published.stored_actions.action, published.stored_actions.entity, published.stored_actions.key, published.stored_actions.value, published.stored_actions.title_en, published.stored_actions.title_zh, published.stored_actions.reasons
FROM work.pointers JOIN published.stored_actions ON published.stored_actions.release = work.pointers.release
WHERE published.stored_actions.entity IS DISTINCT FROM 'customer' OR NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.pointers.shop AND work.rights.customer = published.stored_actions.key AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));

COMMENT ON VIEW published.actions IS 'What to do, best first 行动建议. The current release of each shop.';

COMMENT ON COLUMN published.actions.rank IS '1 is first';

COMMENT ON COLUMN published.actions.entity IS 'customer, product, segment …: what it is about';

COMMENT ON COLUMN published.actions.key IS 'which one';

COMMENT ON COLUMN published.actions.value IS 'expected gain in the shop''s currency';

CREATE VIEW published.all_actions AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_actions.release, published.stored_actions.rank, published.stored_actions.action, published.stored_actions.entity, published.stored_actions.key, published.stored_actions.value, published.stored_actions.title_en, published.stored_actions.title_zh, published.stored_actions.reasons
FROM work.releases JOIN published.stored_actions ON published.stored_actions.release = work.releases.release
WHERE published.stored_actions.entity IS DISTINCT FROM 'customer' OR NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.releases.shop AND work.rights.customer = published.stored_actions.key AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));

COMMENT ON VIEW published.all_actions IS 'What to do, best first 行动建议. Every retained release.';

COMMENT ON COLUMN published.all_actions.rank IS '1 is first';

COMMENT ON COLUMN published.all_actions.entity IS 'customer, product, segment …: what it is about';

COMMENT ON COLUMN published.all_actions.key IS 'which one';

COMMENT ON COLUMN published.all_actions.value IS 'expected gain in the shop''s currency';

CREATE VIEW published.checks AS
SELECT work.pointers.shop, published.stored_checks.release, published.stored_checks.day, published.stored_checks.check_name, published.stored_checks.expected, published.stored_checks.actual, published.stored_checks.passed, published.stored_checks.detail
FROM work.pointers JOIN published.stored_checks ON published.stored_checks.release = work.pointers.release;

COMMENT ON VIEW published.checks IS 'What was checked before the release 检查. The current release of each shop.';

COMMENT ON COLUMN published.checks.day IS 'the day that was checked';

CREATE VIEW published.all_checks AS
SELECT work.releases.shop, work.releases.day AS release_day, published.stored_checks.release, published.stored_checks.day, published.stored_checks.check_name, published.stored_checks.expected, published.stored_checks.actual, published.stored_checks.passed, published.stored_checks.detail
FROM work.releases JOIN published.stored_checks ON published.stored_checks.release = work.releases.release;

COMMENT ON VIEW published.all_checks IS 'What was checked before the release 检查. Every retained release.';

COMMENT ON COLUMN published.all_checks.day IS 'the day that was checked';
