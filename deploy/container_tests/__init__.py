"""The black-box tests against the container image. Only `make test-containers` runs them."""
