"""A Dagster asset graph that ingests the daily sales of a paged HTTP API.

    sales API --pages--> raw_sales --> BASE_DIR/raw/sales/DATE/sales_DATE[_N].json
                         stg_sales --> BASE_DIR/stg/sales/DATE/sales_DATE.avro

`raw_sales` keeps every page as it was sent; `stg_sales` turns a day's pages into one typed file.
A partition is a day, and its directory is always the whole old day or the whole new one.
A second, small group keeps taxi rides in SQLite (`sales_assets.rides.assets`).
Start reading at `sales_assets.sales.assets`; `sales_assets.definitions` wires everything together.
"""
