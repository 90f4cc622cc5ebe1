-- Frozen with revision 0007: change what it makes by a new revision.

CREATE TABLE published.stored_reasons (
    shop TEXT NOT NULL,
    release BIGINT NOT NULL,
    reason BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text_en TEXT,
    text_zh TEXT,
    detail JSONB
);
CREATE UNIQUE INDEX stored_reasons_key ON published.stored_reasons (release, reason);
COMMENT ON TABLE published.stored_reasons IS 'Reasons 推荐理由 that rows of this release name by their number.';
COMMENT ON COLUMN published.stored_reasons.reason IS 'its number';
COMMENT ON COLUMN published.stored_reasons.kind IS 'because_you_bought, bought_together, popular …';
COMMENT ON COLUMN published.stored_reasons.detail IS 'what the texts are made of: a product, numbers';

ALTER TABLE published.stored_recommendations ADD COLUMN reason_codes INTEGER[];
COMMENT ON COLUMN published.stored_recommendations.reason_codes IS 'why it is there: rows of `reasons` by their number, the strongest first';
ALTER TABLE published.stored_recommendations ADD COLUMN reason_weights INTEGER[];
COMMENT ON COLUMN published.stored_recommendations.reason_weights IS 'how much each counts, in ten-thousandths';
ALTER TABLE published.stored_audiences ADD COLUMN reason_codes INTEGER[];
COMMENT ON COLUMN published.stored_audiences.reason_codes IS 'why the customer is there: rows of `reasons` by their number, the strongest first';
ALTER TABLE published.stored_audiences ADD COLUMN reason_weights INTEGER[];
COMMENT ON COLUMN published.stored_audiences.reason_weights IS 'how much each counts, in ten-thousandths';

CREATE TEMPORARY TABLE mentions ON COMMIT DROP AS
SELECT 'recommendations' AS named_by, t.ctid AS place, t.shop, t.release, m.ordinality, m.value - 'weight' AS told,
    round((m.value ->> 'weight')::numeric * 10000)::integer AS weight
FROM published.stored_recommendations t, jsonb_array_elements(t.reasons) WITH ORDINALITY m
UNION ALL
SELECT 'audiences', t.ctid, t.shop, t.release, m.ordinality, m.value - 'weight', round((m.value ->> 'weight')::numeric * 10000)::integer
FROM published.stored_audiences t, jsonb_array_elements(t.reasons) WITH ORDINALITY m;

CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT shop, release, told, row_number() OVER (PARTITION BY release ORDER BY told) - 1 AS reason
FROM (SELECT DISTINCT shop, release, told FROM mentions) AS d;

INSERT INTO published.stored_reasons (shop, release, reason, kind, text_en, text_zh, detail)
SELECT shop, release, reason, coalesce(told ->> 'kind', ''), told ->> 'text_en', told ->> 'text_zh', told - 'kind' - 'text_en' - 'text_zh'
FROM numbered;

UPDATE published.stored_recommendations t SET reason_codes = m.codes, reason_weights = m.weights
FROM (
    SELECT place, array_agg(n.reason::integer ORDER BY ordinality) AS codes, array_agg(weight ORDER BY ordinality) AS weights
    FROM mentions JOIN numbered n USING (release, told) WHERE named_by = 'recommendations' GROUP BY place
) AS m WHERE t.ctid = m.place;

UPDATE published.stored_audiences t SET reason_codes = m.codes, reason_weights = m.weights
FROM (
    SELECT place, array_agg(n.reason::integer ORDER BY ordinality) AS codes, array_agg(weight ORDER BY ordinality) AS weights
    FROM mentions JOIN numbered n USING (release, told) WHERE named_by = 'audiences' GROUP BY place
) AS m WHERE t.ctid = m.place;

CREATE OR REPLACE VIEW published.recommendations AS
SELECT work.pointers.shop, published.stored_recommendations.release, published.stored_recommendations.customer, published.stored_recommendations.list, published.stored_recommendations.rank, published.stored_recommendations.product, published.stored_recommendations.score, published.stored_recommendations.source, (SELECT jsonb_agg((coalesce(r.detail, '{}'::jsonb) || jsonb_build_object('kind', r.kind, 'text_en', r.text_en, 'text_zh', r.text_zh)) || jsonb_build_object('weight', trim_scale(CAST(named.weight AS NUMERIC) / CAST(10000 AS NUMERIC))) ORDER BY named.place) AS jsonb_agg_1
FROM unnest(published.stored_recommendations.reason_codes, published.stored_recommendations.reason_weights) WITH ORDINALITY AS named(reason, weight, place) JOIN published.stored_reasons AS r ON r.release = published.stored_recommendations.release AND r.reason = named.reason) AS reasons, published.stored_recommendations.reason_codes, published.stored_recommendations.reason_weights
FROM work.pointers JOIN published.stored_recommendations ON published.stored_recommendations.release = work.pointers.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.pointers.shop AND work.rights.customer = published.stored_recommendations.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));
COMMENT ON VIEW published.recommendations IS 'Recommended products 产品推荐 of each customer. The current release of each shop.';

CREATE OR REPLACE VIEW published.all_recommendations AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_recommendations.release, published.stored_recommendations.customer, published.stored_recommendations.list, published.stored_recommendations.rank, published.stored_recommendations.product, published.stored_recommendations.score, published.stored_recommendations.source, (SELECT jsonb_agg((coalesce(r.detail, '{}'::jsonb) || jsonb_build_object('kind', r.kind, 'text_en', r.text_en, 'text_zh', r.text_zh)) || jsonb_build_object('weight', trim_scale(CAST(named.weight AS NUMERIC) / CAST(10000 AS NUMERIC))) ORDER BY named.place) AS jsonb_agg_1
FROM unnest(published.stored_recommendations.reason_codes, published.stored_recommendations.reason_weights) WITH ORDINALITY AS named(reason, weight, place) JOIN published.stored_reasons AS r ON r.release = published.stored_recommendations.release AND r.reason = named.reason) AS reasons, published.stored_recommendations.reason_codes, published.stored_recommendations.reason_weights
FROM work.releases JOIN published.stored_recommendations ON published.stored_recommendations.release = work.releases.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.releases.shop AND work.rights.customer = published.stored_recommendations.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));
COMMENT ON VIEW published.all_recommendations IS 'Recommended products 产品推荐 of each customer. Every retained release.';

CREATE OR REPLACE VIEW published.audiences AS
SELECT work.pointers.shop, published.stored_audiences.release, published.stored_audiences.product, published.stored_audiences.rank, published.stored_audiences.customer, published.stored_audiences.score, (SELECT jsonb_agg((coalesce(r.detail, '{}'::jsonb) || jsonb_build_object('kind', r.kind, 'text_en', r.text_en, 'text_zh', r.text_zh)) || jsonb_build_object('weight', trim_scale(CAST(named.weight AS NUMERIC) / CAST(10000 AS NUMERIC))) ORDER BY named.place) AS jsonb_agg_1
FROM unnest(published.stored_audiences.reason_codes, published.stored_audiences.reason_weights) WITH ORDINALITY AS named(reason, weight, place) JOIN published.stored_reasons AS r ON r.release = published.stored_audiences.release AND r.reason = named.reason) AS reasons, published.stored_audiences.reason_codes, published.stored_audiences.reason_weights
FROM work.pointers JOIN published.stored_audiences ON published.stored_audiences.release = work.pointers.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.pointers.shop AND work.rights.customer = published.stored_audiences.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));
COMMENT ON VIEW published.audiences IS 'The best customers for a product 目标用户. The current release of each shop.';

CREATE OR REPLACE VIEW published.all_audiences AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_audiences.release, published.stored_audiences.product, published.stored_audiences.rank, published.stored_audiences.customer, published.stored_audiences.score, (SELECT jsonb_agg((coalesce(r.detail, '{}'::jsonb) || jsonb_build_object('kind', r.kind, 'text_en', r.text_en, 'text_zh', r.text_zh)) || jsonb_build_object('weight', trim_scale(CAST(named.weight AS NUMERIC) / CAST(10000 AS NUMERIC))) ORDER BY named.place) AS jsonb_agg_1
FROM unnest(published.stored_audiences.reason_codes, published.stored_audiences.reason_weights) WITH ORDINALITY AS named(reason, weight, place) JOIN published.stored_reasons AS r ON r.release = published.stored_audiences.release AND r.reason = named.reason) AS reasons, published.stored_audiences.reason_codes, published.stored_audiences.reason_weights
FROM work.releases JOIN published.stored_audiences ON published.stored_audiences.release = work.releases.release
WHERE NOT (EXISTS (SELECT *
FROM work.rights
WHERE work.rights.shop = work.releases.shop AND work.rights.customer = published.stored_audiences.customer AND work.rights.kind IN ('no_personalisation', 'no_profiling', 'deletion')));
COMMENT ON VIEW published.all_audiences IS 'The best customers for a product 目标用户. Every retained release.';

CREATE OR REPLACE VIEW published.reasons AS
SELECT work.pointers.shop, published.stored_reasons.release, published.stored_reasons.reason, published.stored_reasons.kind, published.stored_reasons.text_en, published.stored_reasons.text_zh, published.stored_reasons.detail
FROM work.pointers JOIN published.stored_reasons ON published.stored_reasons.release = work.pointers.release;
COMMENT ON VIEW published.reasons IS 'Reasons 推荐理由 that rows of this release name by their number. The current release of each shop.';

CREATE OR REPLACE VIEW published.all_reasons AS
SELECT work.releases.shop, work.releases.day AS day, published.stored_reasons.release, published.stored_reasons.reason, published.stored_reasons.kind, published.stored_reasons.text_en, published.stored_reasons.text_zh, published.stored_reasons.detail
FROM work.releases JOIN published.stored_reasons ON published.stored_reasons.release = work.releases.release;
COMMENT ON VIEW published.all_reasons IS 'Reasons 推荐理由 that rows of this release name by their number. Every retained release.';

ALTER TABLE published.stored_recommendations DROP COLUMN reasons;
ALTER TABLE published.stored_audiences DROP COLUMN reasons;
