"""The form of every refusal."""

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One of several things wrong with a request."""

    field: str
    detail: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(examples=["urn:keyferry:problem:name-taken"])
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; for programs.", examples=["name-taken"])
    field: str | None = Field(default=None, description="The input at fault.")
    advice: str | None = Field(default=None, description="What to do.")
    approval_request: str | None = Field(
        default=None, description="Of `approval-required`: the request that others can approve."
    )
    reference: str | None = Field(default=None, description="Of a fault of the server: where its log has more.")
    errors: list[FieldProblem] | None = Field(default=None, description="All that does not fit the schema, if several.")
