# SPDX-License-Identifier: Apache-2.0
"""How samples become rows, on made-up samples."""

import unittest

from gossip_goals import Goal, p50, p99, percent, percentile, rows, worst

KILL = Goal("G3", "killed", "ms", "kill", p50, target=300)
STARVED = Goal("G15", "starved", "count", "starved", sum, of_theirs=0.02)


def only_row(goal, **samples):
    found = rows((goal,), {(name, 10): {goal.samples: each} for name, each in samples.items()})
    return found[0]


class Statistics(unittest.TestCase):
    def test_percentiles_are_samples(self):
        hundred = list(range(1, 101))
        self.assertEqual([p50(hundred), p99(hundred), worst(hundred)], [51, 100, 100])
        self.assertEqual([p50([7]), p99([7]), worst([7])], [7, 7, 7])

    def test_few_samples_do_not_flatter(self):
        self.assertEqual([percentile([1, 2], 0.5), p99([1] * 40 + [9])], [2, 9])

    def test_what_never_came_is_longer_than_anything(self):
        self.assertEqual(p50([1, None, 2]), 2)
        self.assertEqual(worst([1, None]), float("inf"))

    def test_percent(self):
        self.assertEqual(percent([0, 1, 0, 0]), 25)


class Rows(unittest.TestCase):
    def test_the_better_rival_counts(self):
        row = only_row(KILL, ours=[100, 200, 300], memberlist=[5000], serf=[4000], tuned=[2000])
        self.assertEqual((row["ours"], row["ratio"], row["met"], row["runs"]), (200, 20, True, 3))
        self.assertEqual((row["tuned"], row["serf"]), (2000, 4000))

    def test_a_target_is_missed_by_anything_above_it(self):
        self.assertTrue(only_row(KILL, ours=[300])["met"])
        self.assertFalse(only_row(KILL, ours=[301])["met"])
        self.assertFalse(only_row(KILL, ours=[None])["met"])

    def test_never_is_said(self):
        row = only_row(KILL, ours=[100], memberlist=[None], serf=[None])
        self.assertEqual((row["memberlist"], row["ratio"]), ("never", None))

    def test_without_ours_nothing_is_met(self):
        row = only_row(KILL, memberlist=[5000])
        self.assertEqual((row["ours"], row["met"], row["runs"]), (None, "not measured", 0))

    def test_a_target_may_be_a_share_of_theirs(self):
        self.assertTrue(only_row(STARVED, ours=[1], memberlist=[50])["met"])
        self.assertFalse(only_row(STARVED, ours=[2], memberlist=[50])["met"])
        self.assertTrue(only_row(STARVED, ours=[0], memberlist=[0])["met"])
        self.assertIsNone(only_row(STARVED, ours=[0])["met"])

    def test_only_what_was_measured_has_a_row(self):
        clusters = {("ours", 3): {"kill": [1]}, ("ours", 10): {"kill": []}}
        self.assertEqual([row["members"] for row in rows((KILL,), clusters)], [3])


if __name__ == "__main__":
    unittest.main()
