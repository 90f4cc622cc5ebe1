"""Airflow's settings for one machine, as environment variables: no file of Airflow's own has to be edited."""
