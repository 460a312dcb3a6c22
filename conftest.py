pytest_plugins = ["graders.plugin"]
