# The image of every Shopmine container: Airflow's components, its workers, the serving API, the migrations.
# Python is the version that the tests run on, so that the lock resolves to the same packages here and there.
FROM python:3.11-slim-bookworm AS packages

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --only-binary :all: --no-deps -r /tmp/requirements.txt


FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 50000 shopmine \
    && useradd --uid 50000 --gid 50000 --home-dir /opt/shopmine/airflow --shell /usr/sbin/nologin shopmine \
    && install -d -o shopmine -g shopmine /opt/shopmine/airflow /opt/shopmine/airflow/logs
COPY --from=packages /opt/venv /opt/venv
COPY include /opt/shopmine/include
COPY dags /opt/shopmine/dags
COPY plugins /opt/shopmine/plugins
COPY docker /opt/shopmine/docker

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/shopmine/include \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/opt/shopmine/airflow \
    SHOPMINE_SHOPS=/opt/shopmine/shops
WORKDIR /opt/shopmine
USER 50000:50000
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
