-- Frozen with revision 0001: change what it makes by a new revision.

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
