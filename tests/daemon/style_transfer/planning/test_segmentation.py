from impasto_daemon.style_transfer.planning.segmentation import segmentation_bytes


def test_a_larger_photo_takes_more_memory() -> None:
    small, large = (segmentation_bytes(side, side, on_gpu=False) for side in (100, 2048))

    assert 1.5e9 < small < large < 3e9


def test_the_size_of_the_photo_does_not_matter_to_a_gpu() -> None:
    small, large = (segmentation_bytes(side, side, on_gpu=True) for side in (100, 2048))

    assert small == large < 1e9
