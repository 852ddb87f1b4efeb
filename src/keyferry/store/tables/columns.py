"""Kinds of columns that many tables have, and the names of constraints."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, MetaData, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite gives an ever-growing row number only to a column of type INTEGER; PostgreSQL's INTEGER would end at 2**31.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")

# As Python compares text, whatever the language of the database.
IN_BYTE_ORDER = Text().with_variant(Text(collation="C"), "postgresql")


def id_column() -> Column[str]:
    """A row's own id."""
    return Column("id", Text, primary_key=True)


def name_column(name: str, comment: str) -> Column[str]:
    """A name that people search by how it begins: compared byte by byte on both databases."""
    return Column(name, IN_BYTE_ORDER, nullable=False, comment=comment)


def time_column(name: str, *, nullable: bool = True) -> Column[int]:
    """A time, or a span of it: microseconds."""
    return Column(name, BigInteger, nullable=nullable)


def created_at() -> Column[int]:
    """When the row was made."""
    return time_column("created_at", nullable=False)


def revision() -> tuple[Column[int], CheckConstraint]:
    """How often a row that changes was written, and that it was: to be unpacked."""
    return Column("revision", BigInteger, nullable=False), CheckConstraint("revision > 0", name="revision_positive")


def seal() -> Column[bytes]:
    """The HMAC over the other columns."""
    return Column("seal", LargeBinary, nullable=False)


def approvals() -> Column[str]:
    """A policy of approvals, of what can have one."""
    return Column("approvals", Text, comment="JSON object: what needs the approval of others; NULL: nothing")


def one_of(column: str, *values: str) -> CheckConstraint:
    """That a column's value is one of these."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
