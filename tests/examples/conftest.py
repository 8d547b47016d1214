from tests.billing.in_advance.conftest import shop
from tests.billing.metering.conftest import company
from tests.billing.taxes.conftest import managed, seller
from tests.billing.taxes.test_waiting_invoices import waiting
from tests.contract.recorder import contract_is_kept
from tests.support.sandbox import sandbox

__all__ = ["company", "contract_is_kept", "managed", "sandbox", "seller", "shop", "waiting"]
