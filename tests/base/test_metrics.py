"""What is counted comes out in the text format."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from agentd.base.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """All samples by name and label values, in the order of the labels' names."""
    text = metrics.exposition().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_calls_are_counted_by_command_and_code() -> None:
    metrics = Metrics()
    metrics.count_call("a.b", "ok", 0.1)
    metrics.count_call("a.b", "ok", 0.1)
    metrics.count_call("a.b", "busy", 0.1)
    found = samples(metrics)
    assert found["agentd_calls_total", "ok", "a.b"] == 2
    assert found["agentd_calls_total", "busy", "a.b"] == 1


def test_durations_fall_into_buckets() -> None:
    metrics = Metrics()
    metrics.count_call("a.b", "ok", 0.003)
    found = samples(metrics)
    assert found["agentd_call_seconds_bucket", "a.b", "0.002"] == 0
    assert found["agentd_call_seconds_bucket", "a.b", "0.005"] == 1
    assert found["agentd_call_seconds_sum", "a.b"] == 0.003


def test_gauges_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    values = {"x": 1.0}
    metrics.add_gauges("part_up", "Whether a part runs", "part", lambda: values)
    assert samples(metrics)["agentd_part_up", "x"] == 1
    values["x"], values["y"] = 0.0, 1.0
    found = samples(metrics)
    assert (found["agentd_part_up", "x"], found["agentd_part_up", "y"]) == (0, 1)


def test_two_daemons_in_one_process_do_not_share_numbers() -> None:
    first, second = Metrics(), Metrics()
    first.count_call("a.b", "ok", 0.1)
    assert ("agentd_calls_total", "ok", "a.b") not in samples(second)


def test_odd_label_values_survive() -> None:
    metrics = Metrics()
    metrics.count_call('a"\\\n', "ok", 0.1)
    assert ("agentd_calls_total", "ok", 'a"\\\n') in samples(metrics)
