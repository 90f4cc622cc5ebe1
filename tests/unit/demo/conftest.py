import pytest

from shopmine.demo.generator import DemoData, generate_demo


@pytest.fixture(scope="session")
def tiny() -> DemoData:
    return generate_demo("tiny")


@pytest.fixture(scope="session")
def small() -> DemoData:
    return generate_demo("small")
