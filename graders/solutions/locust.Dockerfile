# Locust as an image that needs nothing but the base that the service has; Locust's own, locustio/locust, does as well.
FROM python:3.12-slim
RUN pip install --no-cache-dir "locust>=2.42"
RUN useradd --uid 10002 --create-home locust
USER locust
WORKDIR /home/locust
ENTRYPOINT ["locust"]
