"""What a sale is: `sales.avsc` declares it, and everything else follows from that."""

from pathlib import Path

from sales_assets.feed.schema import RowSchema

SALE = RowSchema.read(Path(__file__).with_name("sales.avsc"), day_field="purchase_date")
