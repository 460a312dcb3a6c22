import asyncio


async def infer(feature_1: float, feature_2: float) -> float
    await asyncio.sleep(0.1)
    return 0.85
