#!/usr/bin/env bash
# Run once by the postgres image, on an empty volume: one role and one database for Airflow, one for the staging data.
set -euo pipefail

psql --set=ON_ERROR_STOP=1 --set=airflow="${AIRFLOW_DB_PASSWORD:?}" --set=shopmine="${SHOPMINE_DB_PASSWORD:?}" \
  --username "${POSTGRES_USER:?}" --dbname postgres <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE DATABASE airflow OWNER airflow;
CREATE ROLE shopmine LOGIN PASSWORD :'shopmine';
CREATE DATABASE shopmine OWNER shopmine;
SQL
