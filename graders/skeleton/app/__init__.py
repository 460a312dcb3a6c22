"""The service that you build in this lab, one exercise after another."""
