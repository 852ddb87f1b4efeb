"""Client certificates, the authority that issues them, and sessions that end with the certificate they began with."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; add the column, NULL at first, so that older seals hold."""
    comment = "of the certificate that it was begun with, and ends with"
    op.add_column("tokens", sa.Column("certificate_id", sa.Text(), nullable=True, comment=comment))
    _make_certificates()
    op.create_table(
        "certificate_authorities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False, comment="X.509, DER"),
        sa.Column("key", sa.LargeBinary(), nullable=False, comment="PKCS#8, sealed"),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("revision > 0", name=op.f("ck_certificate_authorities_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_authorities")),
    )


def _make_certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the certificate, hex: what a caller is known by",
        ),
        sa.Column("certificate", sa.LargeBinary(), nullable=False, comment="X.509, DER"),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False, comment="hex"),
        sa.Column("key_type", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="as of tokens: the user's, or it is dead"),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("origin IN ('issued', 'uploaded')", name=op.f("ck_certificates_origin_known")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_certificates_revision_positive")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_certificates_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_certificates_fingerprint")),
    )
    op.create_index(op.f("ix_certificates_user_id_id"), "certificates", ["user_id", "id"])
    op.create_index(op.f("ix_certificates_origin_id"), "certificates", ["origin", "id"])
