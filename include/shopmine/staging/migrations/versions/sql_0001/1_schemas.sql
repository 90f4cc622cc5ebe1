-- Frozen with revision 0001: change what it makes by a new revision.

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
