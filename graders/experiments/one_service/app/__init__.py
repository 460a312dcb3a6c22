"""A service with three kinds of predictions. Given, for `lab experiment`."""
