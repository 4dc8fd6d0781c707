from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.augment import view_rng
from dilo.data.sampler import BatchSampler, epoch_order, steps_per_epoch

counts = st.integers(2, 60)
batch_sizes = st.integers(2, 17)


@given(count=counts, batch_size=batch_sizes, seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_every_index_comes_once_an_epoch(count, batch_size, seed):
    sampler = BatchSampler(count=count, batch_size=batch_size, epochs=2, seed=seed)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 2 * steps_per_epoch(count, batch_size)
    for epoch in range(2):
        drawn = [index for batch in batches for e, index in batch if e == epoch]
        assert len(set(drawn)) == len(drawn)
        # Batch norm has nothing to average over a single image left over at the end.
        assert len(drawn) == count - (count % batch_size == 1)


def test_the_last_batch_holds_the_rest():
    batches = list(BatchSampler(count=11, batch_size=4, epochs=1, seed=0))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    batches = list(BatchSampler(count=9, batch_size=4, epochs=1, seed=0))
    assert [len(batch) for batch in batches] == [4, 4]


@given(count=counts, batch_size=batch_sizes, data=st.data())
@settings(max_examples=50, deadline=None)
def test_what_follows_does_not_depend_on_where_one_resumes(count, batch_size, data):
    steps = steps_per_epoch(count, batch_size)
    step = data.draw(st.integers(0, 3 * steps - 1))
    whole = BatchSampler(count=count, batch_size=batch_size, epochs=3, seed=5)
    rest = BatchSampler(
        count=count,
        batch_size=batch_size,
        epochs=3,
        seed=5,
        first_epoch=step // steps,
        first_step=step % steps,
    )
    assert list(rest) == list(whole)[step:]
    assert len(rest) == len(whole) - step


@given(count=counts, half=st.integers(2, 8))
@settings(max_examples=50, deadline=None)
def test_two_processes_make_the_batches_of_one(count, half):
    def batches(process, processes):
        return list(
            BatchSampler(
                count=count,
                batch_size=2 * half,
                epochs=2,
                seed=1,
                process=process,
                processes=processes,
            )
        )

    alone, first, second = batches(0, 1), batches(0, 2), batches(1, 2)
    assert len(first) == len(second) == 2 * steps_per_epoch(count, 2 * half, 2)
    for left, right in zip(first, second, strict=True):
        assert len(left) == len(right) >= 2
    joined = [sorted(left + right) for left, right in zip(first, second, strict=True)]
    full = [sorted(batch) for batch in alone if len(batch) == 2 * half]
    assert [batch for batch in joined if len(batch) == 2 * half] == full


def test_epochs_and_seeds_are_shuffled_apart():
    orders = {
        tuple(epoch_order(20, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)
    }
    assert len(orders) == 4
    assert list(epoch_order(20, 3, 4)) == list(epoch_order(20, 3, 4))


def test_the_order_has_another_stream_than_the_views():
    # Trailing zeros do not change a numpy seed, so (seed, epoch, 0) would be both.
    order = list(view_rng(0, 0, 0).permutation(50))
    assert list(epoch_order(50, 0, 0)) != order
