"""What pyproject.toml cannot say: `zoo/` and `apps/` ship inside the package, as `tlzoo/_zoo` and `tlzoo/_apps`."""

from setuptools import find_packages, setup

apps = ["tlzoo._apps", *(f"tlzoo._apps.{name}" for name in find_packages("apps"))]
setup(
    packages=[*find_packages(include=["tlzoo", "tlzoo.*"]), "tlzoo._zoo", *apps],
    package_dir={"tlzoo._zoo": "zoo", "tlzoo._apps": "apps"},
)
