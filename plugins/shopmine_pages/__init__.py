"""What the pages of the Airflow web UI are made of. Not loaded as a plugin (see `.airflowignore`)."""
