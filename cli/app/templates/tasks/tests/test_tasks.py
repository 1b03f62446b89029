from app_name.tasks import add


def test_it_adds() -> None:
    assert add(4, 4) == 8
