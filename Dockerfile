# One image for every part; compose.yaml names the command of each.
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 sluice && install -d -o sluice -g sluice /data
WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN python -m compileall -q config events metrics sessions dlq

USER sluice
ENV PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 DATA_DIR=/data HOST=0.0.0.0 PORT=8000
VOLUME /data
EXPOSE 8000
# All parts and an embedded PostgreSQL in one container, like `make run`.
CMD ["python", "manage.py", "up"]
