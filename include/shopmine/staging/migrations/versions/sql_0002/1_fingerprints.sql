-- Frozen with revision 0002: change what it makes by a new revision.

CREATE TABLE work.fingerprints (
    shop TEXT NOT NULL,
    source TEXT NOT NULL,
    entity TEXT NOT NULL,
    day DATE NOT NULL,
    fingerprint TEXT NOT NULL,
    mapping_hash TEXT NOT NULL,
    checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT fingerprints_pkey PRIMARY KEY (shop, source, entity, day)
);
COMMENT ON TABLE work.fingerprints IS 'What each landed day looked like inside its source, so that a later look tells whether it changed.';
COMMENT ON COLUMN work.fingerprints.fingerprint IS 'keyed hash of what the source computed over the rows of the day';
COMMENT ON COLUMN work.fingerprints.mapping_hash IS 'what was asked: another question makes another fingerprint';
COMMENT ON COLUMN work.fingerprints.checked_at IS 'when the source was last asked';
