from fastapi import FastAPI

from app.routes import router

MODEL_VERSION = "1.0.0"

app = FastAPI()
app.include_router(router)
