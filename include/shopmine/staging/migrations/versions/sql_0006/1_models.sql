-- Frozen with revision 0006: change what it makes by a new revision.

ALTER TABLE published.stored_rules ADD COLUMN level TEXT;
ALTER TABLE published.stored_rules ADD COLUMN support DOUBLE PRECISION;
ALTER TABLE published.stored_rules ADD COLUMN leverage DOUBLE PRECISION;
ALTER TABLE published.stored_rules ADD COLUMN conviction DOUBLE PRECISION;
ALTER TABLE published.stored_rules ADD COLUMN confidence_low DOUBLE PRECISION;
ALTER TABLE published.stored_rules ADD COLUMN expected_count DOUBLE PRECISION;
ALTER TABLE published.stored_rules ADD COLUMN p_value DOUBLE PRECISION;
ALTER TABLE published.stored_rules ADD COLUMN later_count BIGINT;
ALTER TABLE published.stored_rules ADD COLUMN later_lift DOUBLE PRECISION;
COMMENT ON COLUMN published.stored_rules.level IS 'product or category: what the two sides name';
COMMENT ON COLUMN published.stored_rules.support IS 'share of the baskets that have both, in [0, 1]';
COMMENT ON COLUMN published.stored_rules.leverage IS 'support less what it would be without a connection';
COMMENT ON COLUMN published.stored_rules.conviction IS 'how much rarer it fails than without a connection; null: it never fails';
COMMENT ON COLUMN published.stored_rules.confidence_low IS 'lower bound of the confidence, 95 in 100';
COMMENT ON COLUMN published.stored_rules.expected_count IS 'baskets with both if items met by chance, given basket sizes';
COMMENT ON COLUMN published.stored_rules.p_value IS 'chance of so many baskets with both without a connection';
COMMENT ON COLUMN published.stored_rules.later_count IS 'later baskets with both';
COMMENT ON COLUMN published.stored_rules.later_lift IS 'lift in the later weeks';

ALTER TABLE published.stored_forecasts ADD COLUMN n_days BIGINT;
ALTER TABLE published.stored_forecasts ADD COLUMN method TEXT;
COMMENT ON COLUMN published.stored_forecasts.n_days IS 'so many days from `day` on are summed: 1, or 7 for weeks';
COMMENT ON COLUMN published.stored_forecasts.method IS 'the method that was really used';

CREATE TABLE published.stored_decision_rules (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    model TEXT NOT NULL,
    target TEXT NOT NULL,
    rank BIGINT NOT NULL,
    text_en TEXT,
    text_zh TEXT,
    customers BIGINT,
    share DOUBLE PRECISION,
    probability DOUBLE PRECISION,
    lift DOUBLE PRECISION
);
CREATE UNIQUE INDEX stored_decision_rules_key ON published.stored_decision_rules (release, model, target, rank);
COMMENT ON TABLE published.stored_decision_rules IS 'Leaves of the readable trees 分类树规则, most likely first.';
COMMENT ON COLUMN published.stored_decision_rules.model IS 'churn';
COMMENT ON COLUMN published.stored_decision_rules.target IS 'churn or will_buy: what is predicted';
COMMENT ON COLUMN published.stored_decision_rules.rank IS '1 is most likely';
COMMENT ON COLUMN published.stored_decision_rules.text_en IS 'the conditions in words';
COMMENT ON COLUMN published.stored_decision_rules.customers IS 'training rows that fulfil the conditions';
COMMENT ON COLUMN published.stored_decision_rules.share IS 'of all training rows, in [0, 1]';
COMMENT ON COLUMN published.stored_decision_rules.probability IS 'of the target among them';
COMMENT ON COLUMN published.stored_decision_rules.lift IS 'probability over that of all';

CREATE TABLE published.stored_data_profile (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    entity TEXT NOT NULL,
    variable TEXT,
    statistic TEXT NOT NULL,
    key TEXT,
    value DOUBLE PRECISION
);
CREATE INDEX stored_data_profile_key ON published.stored_data_profile (release, entity, variable, statistic, key);
COMMENT ON TABLE published.stored_data_profile IS 'What the shop''s data looks like 数据概况: distributions, gaps, outliers, correlations, drift.';
COMMENT ON COLUMN published.stored_data_profile.entity IS 'canonical entity or feature frame';
COMMENT ON COLUMN published.stored_data_profile.variable IS 'its column; null: of the whole entity';
COMMENT ON COLUMN published.stored_data_profile.statistic IS 'what is measured';
COMMENT ON COLUMN published.stored_data_profile.key IS 'of what: a value, a bin, another variable';

CREATE OR REPLACE VIEW published.rules AS
SELECT work.pointers.shop, published.stored_rules.release, published.stored_rules.antecedent, published.stored_rules.consequent, published.stored_rules.support_count, published.stored_rules.confidence, published.stored_rules.lift, published.stored_rules.q_value, published.stored_rules.holds_later, published.stored_rules.level, published.stored_rules.support, published.stored_rules.leverage, published.stored_rules.conviction, published.stored_rules.confidence_low, published.stored_rules.expected_count, published.stored_rules.p_value, published.stored_rules.later_count, published.stored_rules.later_lift
FROM work.pointers JOIN published.stored_rules ON published.stored_rules.release = work.pointers.release;
COMMENT ON COLUMN published.rules.level IS 'product or category: what the two sides name';
COMMENT ON COLUMN published.rules.support IS 'share of the baskets that have both, in [0, 1]';
COMMENT ON COLUMN published.rules.leverage IS 'support less what it would be without a connection';
COMMENT ON COLUMN published.rules.conviction IS 'how much rarer it fails than without a connection; null: it never fails';
COMMENT ON COLUMN published.rules.confidence_low IS 'lower bound of the confidence, 95 in 100';
COMMENT ON COLUMN published.rules.expected_count IS 'baskets with both if items met by chance, given basket sizes';
COMMENT ON COLUMN published.rules.p_value IS 'chance of so many baskets with both without a connection';
COMMENT ON COLUMN published.rules.later_count IS 'later baskets with both';
COMMENT ON COLUMN published.rules.later_lift IS 'lift in the later weeks';

CREATE OR REPLACE VIEW published.all_rules AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_rules.release, published.stored_rules.antecedent, published.stored_rules.consequent, published.stored_rules.support_count, published.stored_rules.confidence, published.stored_rules.lift, published.stored_rules.q_value, published.stored_rules.holds_later, published.stored_rules.level, published.stored_rules.support, published.stored_rules.leverage, published.stored_rules.conviction, published.stored_rules.confidence_low, published.stored_rules.expected_count, published.stored_rules.p_value, published.stored_rules.later_count, published.stored_rules.later_lift
FROM work.releases JOIN published.stored_rules ON published.stored_rules.release = work.releases.release;
COMMENT ON COLUMN published.all_rules.level IS 'product or category: what the two sides name';
COMMENT ON COLUMN published.all_rules.support IS 'share of the baskets that have both, in [0, 1]';
COMMENT ON COLUMN published.all_rules.leverage IS 'support less what it would be without a connection';
COMMENT ON COLUMN published.all_rules.conviction IS 'how much rarer it fails than without a connection; null: it never fails';
COMMENT ON COLUMN published.all_rules.confidence_low IS 'lower bound of the confidence, 95 in 100';
COMMENT ON COLUMN published.all_rules.expected_count IS 'baskets with both if items met by chance, given basket sizes';
COMMENT ON COLUMN published.all_rules.p_value IS 'chance of so many baskets with both without a connection';
COMMENT ON COLUMN published.all_rules.later_count IS 'later baskets with both';
COMMENT ON COLUMN published.all_rules.later_lift IS 'lift in the later weeks';

CREATE OR REPLACE VIEW published.forecasts AS
SELECT work.pointers.shop, published.stored_forecasts.release, published.stored_forecasts.series, published.stored_forecasts.key, published.stored_forecasts.day, published.stored_forecasts.mean, published.stored_forecasts.lo80, published.stored_forecasts.hi80, published.stored_forecasts.lo95, published.stored_forecasts.hi95, published.stored_forecasts.n_days, published.stored_forecasts.method
FROM work.pointers JOIN published.stored_forecasts ON published.stored_forecasts.release = work.pointers.release;
COMMENT ON COLUMN published.forecasts.n_days IS 'so many days from `day` on are summed: 1, or 7 for weeks';
COMMENT ON COLUMN published.forecasts.method IS 'the method that was really used';

CREATE OR REPLACE VIEW published.all_forecasts AS
SELECT work.releases.shop, work.releases.day AS release_day, published.stored_forecasts.release, published.stored_forecasts.series, published.stored_forecasts.key, published.stored_forecasts.day, published.stored_forecasts.mean, published.stored_forecasts.lo80, published.stored_forecasts.hi80, published.stored_forecasts.lo95, published.stored_forecasts.hi95, published.stored_forecasts.n_days, published.stored_forecasts.method
FROM work.releases JOIN published.stored_forecasts ON published.stored_forecasts.release = work.releases.release;
COMMENT ON COLUMN published.all_forecasts.n_days IS 'so many days from `day` on are summed: 1, or 7 for weeks';
COMMENT ON COLUMN published.all_forecasts.method IS 'the method that was really used';

CREATE VIEW published.decision_rules AS
SELECT work.pointers.shop, published.stored_decision_rules.release, published.stored_decision_rules.model, published.stored_decision_rules.target, published.stored_decision_rules.rank, published.stored_decision_rules.text_en, published.stored_decision_rules.text_zh, published.stored_decision_rules.customers, published.stored_decision_rules.share, published.stored_decision_rules.probability, published.stored_decision_rules.lift
FROM work.pointers JOIN published.stored_decision_rules ON published.stored_decision_rules.release = work.pointers.release;
COMMENT ON VIEW published.decision_rules IS 'Leaves of the readable trees 分类树规则, most likely first. The current release of each shop.';
COMMENT ON COLUMN published.decision_rules.model IS 'churn';
COMMENT ON COLUMN published.decision_rules.target IS 'churn or will_buy: what is predicted';
COMMENT ON COLUMN published.decision_rules.rank IS '1 is most likely';
COMMENT ON COLUMN published.decision_rules.text_en IS 'the conditions in words';
COMMENT ON COLUMN published.decision_rules.customers IS 'training rows that fulfil the conditions';
COMMENT ON COLUMN published.decision_rules.share IS 'of all training rows, in [0, 1]';
COMMENT ON COLUMN published.decision_rules.probability IS 'of the target among them';
COMMENT ON COLUMN published.decision_rules.lift IS 'probability over that of all';

CREATE VIEW published.all_decision_rules AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_decision_rules.release, published.stored_decision_rules.model, published.stored_decision_rules.target, published.stored_decision_rules.rank, published.stored_decision_rules.text_en, published.stored_decision_rules.text_zh, published.stored_decision_rules.customers, published.stored_decision_rules.share, published.stored_decision_rules.probability, published.stored_decision_rules.lift
FROM work.releases JOIN published.stored_decision_rules ON published.stored_decision_rules.release = work.releases.release;
COMMENT ON VIEW published.all_decision_rules IS 'Leaves of the readable trees 分类树规则, most likely first. Every retained release.';
COMMENT ON COLUMN published.all_decision_rules.model IS 'churn';
COMMENT ON COLUMN published.all_decision_rules.target IS 'churn or will_buy: what is predicted';
COMMENT ON COLUMN published.all_decision_rules.rank IS '1 is most likely';
COMMENT ON COLUMN published.all_decision_rules.text_en IS 'the conditions in words';
COMMENT ON COLUMN published.all_decision_rules.customers IS 'training rows that fulfil the conditions';
COMMENT ON COLUMN published.all_decision_rules.share IS 'of all training rows, in [0, 1]';
COMMENT ON COLUMN published.all_decision_rules.probability IS 'of the target among them';
COMMENT ON COLUMN published.all_decision_rules.lift IS 'probability over that of all';

CREATE VIEW published.data_profile AS
SELECT work.pointers.shop, published.stored_data_profile.release, published.stored_data_profile.entity, published.stored_data_profile.variable, published.stored_data_profile.statistic, published.stored_data_profile.key, published.stored_data_profile.value
FROM work.pointers JOIN published.stored_data_profile ON published.stored_data_profile.release = work.pointers.release;
COMMENT ON VIEW published.data_profile IS 'What the shop''s data looks like 数据概况: distributions, gaps, outliers, correlations, drift. The current release of each shop.';
COMMENT ON COLUMN published.data_profile.entity IS 'canonical entity or feature frame';
COMMENT ON COLUMN published.data_profile.variable IS 'its column; null: of the whole entity';
COMMENT ON COLUMN published.data_profile.statistic IS 'what is measured';
COMMENT ON COLUMN published.data_profile.key IS 'of what: a value, a bin, another variable';

CREATE VIEW published.all_data_profile AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_data_profile.release, published.stored_data_profile.entity, published.stored_data_profile.variable, published.stored_data_profile.statistic, published.stored_data_profile.key, published.stored_data_profile.value
FROM work.releases JOIN published.stored_data_profile ON published.stored_data_profile.release = work.releases.release;
COMMENT ON VIEW published.all_data_profile IS 'What the shop''s data looks like 数据概况: distributions, gaps, outliers, correlations, drift. Every retained release.';
COMMENT ON COLUMN published.all_data_profile.entity IS 'canonical entity or feature frame';
COMMENT ON COLUMN published.all_data_profile.variable IS 'its column; null: of the whole entity';
COMMENT ON COLUMN published.all_data_profile.statistic IS 'what is measured';
COMMENT ON COLUMN published.all_data_profile.key IS 'of what: a value, a bin, another variable';
