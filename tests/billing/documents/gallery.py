"""Renders the gallery to PDFs for the eye: ``python -m tests.billing.documents.gallery FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from billwright.billing.documents.render import render_credit_note, render_invoice
from tests.billing.documents.fixtures import credit_note, gallery


def main(folder: str) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, document in gallery().items():
        (target / f"{name}.pdf").write_bytes(render_invoice(document))
    (target / "credit_note.pdf").write_bytes(render_credit_note(credit_note()))


if __name__ == "__main__":
    main(sys.argv[1])
