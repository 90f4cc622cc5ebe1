#!/usr/bin/env bash
# Brings both databases up to date and makes what Airflow needs to start. Safe to run again: `docker compose up` does.
set -euo pipefail

airflow db migrate
airflow pools set sources "${SHOPMINE_POOL_SOURCES:-4}" "Tasks that read from or write to a shop's own stores"
airflow pools set fits "${SHOPMINE_POOL_FITS:-2}" "Tasks that fit models"
airflow users create --role Admin --username admin --firstname Shopmine --lastname Admin \
  --email "${AIRFLOW_ADMIN_EMAIL:?}" --password "${AIRFLOW_ADMIN_PASSWORD:?}"
python docker/upgrade.py
