"""What pyproject.toml cannot say: the folder of cards, `zoo/`, ships inside the package as `tlzoo/_zoo`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["tlzoo", "tlzoo.*"]), "tlzoo._zoo"],
    package_dir={"tlzoo._zoo": "zoo"},
)
