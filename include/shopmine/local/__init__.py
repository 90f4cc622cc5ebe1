"""The servers of one machine: PostgreSQL, MariaDB, MongoDB and Airflow without an administrator."""
