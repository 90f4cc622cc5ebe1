-- Frozen with revision 0001: change what it makes by a new revision.

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
