"""Exit status 0 when an address answers well: `health.py URL [COMPONENT]`.

With a component (scheduler, triggerer, dag_processor) the answer is Airflow's health page, and the component must be
healthy in it. The image has no curl.
"""

import json
import sys
from http.client import HTTPException
from urllib.request import urlopen


def is_healthy(url: str, component: str | None = None) -> bool:
    """Whether the address answers with 200, and Airflow calls the component healthy if one is named."""
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310  the address is the compose file's own
            text = answer.read()
            if component is None:
                return bool(answer.status == 200)
            return bool(json.loads(text)[component]["status"] == "healthy")
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(*sys.argv[1:3]) else 1)
