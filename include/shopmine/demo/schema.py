"""Where each table of the demo shop lives, and the columns that its MySQL has."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_CHANGED: Final = "updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"

MYSQL_TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "member": f"""
            member_id BIGINT NOT NULL PRIMARY KEY, nickname VARCHAR(64) NULL, phone VARCHAR(20) NULL, email VARCHAR(100) NULL,
            gender CHAR(1) NULL, birthday DATE NULL, city VARCHAR(40) NULL, level TINYINT NOT NULL,
            registered_at DATETIME NOT NULL, {_CHANGED}""",
        "goods": f"""
            sku VARCHAR(20) NOT NULL PRIMARY KEY, title VARCHAR(200) NULL, category VARCHAR(20) NULL,
            list_price DECIMAL(10,2) NOT NULL, on_sale TINYINT(1) NOT NULL, goods_type VARCHAR(10) NOT NULL,
            image_url VARCHAR(200) NULL, {_CHANGED}""",
        "goods_stock": f"""
            sku VARCHAR(20) NOT NULL, warehouse VARCHAR(20) NOT NULL, quantity INT NOT NULL, {_CHANGED},
            PRIMARY KEY (sku, warehouse)""",
        "sale_order": f"""
            order_no VARCHAR(20) NOT NULL PRIMARY KEY, member_id BIGINT NULL, channel VARCHAR(20) NOT NULL,
            store_code VARCHAR(10) NULL, status VARCHAR(20) NOT NULL, currency CHAR(3) NOT NULL,
            campaign_code VARCHAR(30) NULL, remark VARCHAR(200) NULL, created_at DATETIME NOT NULL, {_CHANGED},
            KEY (created_at)""",
        "sale_order_line": f"""
            order_no VARCHAR(20) NOT NULL, line_no SMALLINT NOT NULL, sku VARCHAR(30) NOT NULL, quantity INT NOT NULL,
            price DECIMAL(10,2) NOT NULL, discount DECIMAL(10,2) NOT NULL, line_type TINYINT NOT NULL,
            created_at DATETIME NOT NULL, {_CHANGED}, PRIMARY KEY (order_no, line_no), KEY (created_at)""",
        "payment": f"""
            pay_no VARCHAR(30) NOT NULL PRIMARY KEY, order_no VARCHAR(20) NOT NULL, method VARCHAR(20) NOT NULL,
            amount DECIMAL(12,2) NOT NULL, currency CHAR(3) NOT NULL, status VARCHAR(20) NOT NULL,
            paid_at DATETIME NOT NULL, {_CHANGED}, KEY (paid_at), KEY (order_no)""",
        "refund": f"""
            refund_no VARCHAR(30) NOT NULL PRIMARY KEY, order_no VARCHAR(20) NOT NULL, method VARCHAR(20) NOT NULL,
            amount DECIMAL(12,2) NOT NULL, currency CHAR(3) NOT NULL, status VARCHAR(20) NOT NULL,
            refunded_at DATETIME NOT NULL, {_CHANGED}, KEY (refunded_at)""",
        "campaign": """
            campaign_code VARCHAR(30) NOT NULL PRIMARY KEY, name VARCHAR(60) NOT NULL, channel VARCHAR(20) NOT NULL,
            starts_at DATETIME NOT NULL, ends_at DATETIME NOT NULL, cost DECIMAL(12,2) NOT NULL""",
        "coupon": f"""
            coupon_code VARCHAR(20) NOT NULL PRIMARY KEY, campaign_code VARCHAR(30) NOT NULL, member_id BIGINT NOT NULL,
            order_no VARCHAR(20) NULL, {_CHANGED}""",
        "campaign_touch": """
            member_id BIGINT NOT NULL, campaign_code VARCHAR(30) NOT NULL, kind VARCHAR(10) NOT NULL,
            touched_at DATETIME NOT NULL, PRIMARY KEY (member_id, campaign_code, kind), KEY (touched_at)""",
    }
)
COLLECTIONS: Final = ("sessions", "carts", "reviews")
FILES: Final[Mapping[str, str]] = MappingProxyType(
    {"store_sales": "store_sales.csv", "channel_stats": "channel_stats.parquet"}
)
