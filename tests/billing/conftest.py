from tests.contract.recorder import contract_is_kept

__all__ = ["contract_is_kept"]
