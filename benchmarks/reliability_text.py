"""What docs/reliability.md says around its tables; every number in it comes from the figures."""

import re
from collections import Counter
from typing import Any

Tables = dict[str, list[dict[str, Any]]]

INTRO = """# Reliability

What was done to break the library, and what became of it. Every table is written by the command
above it, on the day and of the commit named there; `python benchmarks/all.py` runs all of them.
"""

FUZZ = """Spoiled files, tables, logs, saved fits, sweep files, commands and laws, each case made
from its number. It must end in a result or in a refusal with words: no other exception, no
warning of numpy's, no more than 5 s of the processor, 50 s by the clock (where other cases run
beside it, a case waits) and 1 GiB. Anything else counts as unexplained. What took longer while
other cases ran was run again at the end, alone, and counts as it does then."""

COVERAGE = """Inputs that reach new branches of the library are kept and changed further. "At
first" are the branches that the first inputs reach, "in all" those that were reached at the end."""

FAULTS = """Sweeps that were disturbed until there were faults enough, given again, and compared
with undisturbed ones: record files must be equal, byte by byte, and so must all else that a sweep
leaves: models, the other files of every folder, the tables that `p2law collect gather` writes, and
what `status` says. Only times may differ (`timing.jsonl`, and what a provenance takes from it), the
paths of the cache of checksums, and what a damaged file was renamed to.

A checkpoint is made after every step, but after every fifth in these rows: checkpoints apart,
kills at a write, while pruning, in a checkpoint, and of two processes. Steps since the last
checkpoint are then repeated, and "measured again" counts measurements that were on disk at a kill
and that no checkpoint vouched for. At a write: a kind of file is drawn, then one fsync, rename or
unlink of such a file, and the process kills itself just before it. All other kills come at a
random moment. "Unforeseen" counts lines of what users are told that hold a
traceback or an error not in our words. Disks are in memory, clocks are those of Python's `time`,
and a power cut is imitated by damaged files."""

RECOVERY = """How often a fit finds the random law that made the records: three or four model
sizes, exact records or records of which one in a hundred is off by half a nat. "Curves found"
counts laws whose predictions are all within what the column before says; exponents are compared
where the records are exact.

`AT_BOUND` is the right answer where N_C or D_C is zero: zero is the bound of that coefficient, the
truth lies on it, and its exponent then moves no prediction. `CONVERGED` would claim more than such
records can tell."""

PLANS = """How often the 90 % interval of `tokens_for` holds the true tokens: simulated studies as
in [Do the intervals cover?](coverage.md), two targets asked for in each, the true loss inside the
data and at 4 times their most tokens. A fit that fails, or withholds the answer, counts as a miss.
Below are the mean, the lowest and the highest of the designs.

Where all runs of one model are shifted alike the intervals are too narrow, for whole runs are what
is resampled, and those of a model are not independent."""

FORECASTS = """How often the 90 % interval of `continue_run` holds the end of a run, with a law
that was fitted to few other runs. Each run lies off the law by 0.02 nat as a whole (standard
deviation), each checkpoint by 0.002 more; the new run is shown no checkpoint, its first, or its
first four of twelve, and the width is the median one. After one checkpoint most intervals are wider
than need be."""

ROUND_TRIPS = """Random fits of each law: tokens for a loss that the law predicts at random
tokens, and the loss that it predicts there again. The tokens are compared where a last digit of
the loss is worth less than 1e-8 of them. No answer: the loss asked for is, to the last digit, the
one that endless training would end at, as where repeated text has nothing left to tell."""

ENDS = """Each run of `data/` is shown to a quarter of its tokens, a law is fitted to other runs,
and the loss of the run's last checkpoint is forecast by `continue_run`. "Others": the other runs
of the same table and method; "family": runs of the other family; "method": runs pruned in depth,
where the run asked about is not. Mean relative errors in per cent; naive is whichever of the last
value shown and a power law of that run alone errs less in the mean; "held" is how often the 90 %
interval held the loss: wider than need be on most of these curves. The last row counts each run
once, without "family", and leaves out those that have no checkpoint to go by.

It is not good everywhere. `qwen3_distill` has two runs, so that one tells all that is known of
the other. In `gpt2_sparse_retrain` the first quarter holds the pruned model before any token and
nothing else, so that nothing calibrates the law."""

VERSIONS = """What is built from the source, twice, with the sha256 of both; then the tests, away
from the source, with the lowest versions that are promised and with the newest."""

LICENCES = """Of what is installed beside p2law, with all extras and the torch that is listed; one
whose version ends in `+cpu` is torch for CPUs. Torch for GPUs, which `pip` takes on Linux unless
told otherwise, brings CUDA, which is Nvidia's own and not free software."""

AUDIT = """Known vulnerabilities, asked of the service of PyPI by `pip-audit`. A package that
could not be asked about is not known to be safe."""

STRESS = """## Numerics under stress

`tests/test_stress.py`, which runs with all other tests, holds fits to this:

- **What changes no prediction.** The order of rows, the unit of parameters and tokens, every row
  twice, a constant added to loss and base loss. The unit of the loss only scales it.
- **Sizes.** Pruning rates near 0 and 1, token counts from few to very many, twelve orders of
  magnitude between columns, noise far below and far above the damage, scores near zero.
- **Records that tell little.** Inputs that vary together are named. Identical rows, one row a
  run, losses equal to the base loss and a coefficient of zero are not taken for more than they
  are; what moves no prediction keeps its default.
- **Noise.** Exact records leave no width; noise that grows with the loss, and 30 % of outliers
  under Huber's objective, do not carry the fit away.
- **Overflow.** What overflows on the way is neither a warning nor an error; targets whose squares
  or logarithms are no numbers are refused for that. In a valley without end the work is bounded.
"""

SECURITY = """## Security

A saved fit, a table, a formula and a checkpoint run nothing; models are read from safetensors only;
nothing is sent anywhere. What is promised, what is not, and where to report a weakness:
[Security](security.md), which is SECURITY.md of the source.
"""

DEFECTS = """## Defects that were found

All are fixed. In brackets stand the tests that hold each; `python -m pytest -k NAME` runs one.

**Numbers**

- residuals whose squares are beyond double precision
  (`test_residuals_whose_squares_are_no_numbers_are_told`)
- refits of a log objective beyond double precision (`test_what_is_shifted_far_stays_a_number`)
- a loss of 1e308 in a saved fit (`test_a_changed_fit_is_told_from_a_saved_one`)
- tokens beyond double precision in a log
  (`test_steps_whose_tokens_are_beyond_all_numbers_are_refused`)
- whole numbers in a sweep file that no float holds (`test_what_no_sweep_holds_is_refused_in_words`)

**Laws**

- a law that gives complex numbers (`test_a_function_that_fails_is_named_by_the_check`)
- steps of the search towards a law without a value
  (`test_a_law_without_a_value_where_all_the_weight_lies_is_refused_for_that`)
- a law whose objective falls for ever, on which a search worked without end
  (`test_the_work_in_a_valley_without_end_is_bounded`)
- a law that overflows at a few records
  (`test_rows_where_a_law_overflows_do_not_hide_what_matters`,
  `test_a_rate_at_which_the_law_overflows_is_refused_when_a_saved_fit_is_asked`)
- curvature that is rounding alone, of which a solver found no eigenvalues
  (`test_a_saddle_without_curvature_of_its_own_has_a_finite_step`)
- a coefficient that moves next to nothing, whose steps stopped a search before the others had moved
  (`test_an_exponent_that_moves_next_to_nothing_does_not_stop_the_others`,
  `test_a_coefficient_that_few_rows_show_does_not_keep_a_search_from_the_truth`)
- steps over a large table that went on where only rounding was left to gain
  (`test_at_its_end_a_descent_stops_at_once`)
- a default of infinity, from which no search can start (`test_a_search_cannot_start_at_infinity`)
- formulas that would take forever to compute (`test_a_tower_of_powers_is_no_endless_work`)

**Intervals**

- sizes that take turns in a large table, of which refits saw few
  (`test_sizes_that_take_turns_leave_intervals_as_wide_as_they_are`)
- a saved fit read with a law of other bounds, at which all its refits stood
  (`test_a_law_with_other_bounds_is_refused`)
- an interval that was narrower at a higher level
  (`test_no_end_moves_inwards_as_the_level_rises`)
- a coefficient at its bound that no refit of a large table moved
  (`test_a_coefficient_at_its_bound_moves_in_a_large_table_too`)
- single rows among many that alone tell of a size, which no refit of a large table moved
  (`test_what_few_rows_alone_tell_is_as_unsure_in_a_large_table`)
- coefficients that can change places, which some orders of rows hid
  (`test_what_is_exchanged_is_seen_in_any_order_of_rows`)
- a budget of runs that was overspent
  (`test_whatever_runs_cost_the_budget_is_kept_and_no_run_stands_twice`)
- runs that narrow an interval only together, which were not found
  (`test_runs_that_narrow_only_together_are_found_in_any_order`)
- gigabytes for the weights of very many runs (`test_very_many_runs_are_weighed_in_groups`)

**Plans**

- plans of fits to tokens in billions, all of no tokens
  (`test_tokens_that_were_fitted_in_billions_make_no_plan`)
- the best plan, refused because rounding puts it above the budget that it spends
  (`test_no_plan_is_above_what_the_budget_that_it_spends_comes_to`)
- plans of one cost to the last digit, two of them on one frontier
  (`test_of_plans_that_spend_the_same_budget_only_the_best_is_on_the_frontier`)
- the least of a law that rises again, looked for at eight places a decade
  (`test_a_law_that_rises_again_comes_down_to_its_least_exactly`)
- laws that fall without end, of which inversions lost all digits
  (`test_a_law_that_falls_without_end_is_turned_round_amid_the_records`)
- `tokens_for` and `budget_table`, which gave two answers to one question
  (`test_a_table_says_of_one_candidate_what_a_single_question_does`)
- tokens that a law has no value at
  (`test_what_takes_more_tokens_than_a_law_knows_is_out_of_reach`,
  `test_a_law_that_begins_late_is_planned_with`)
- floors, intervals and no tokens at all that rest on what is held
  (`test_what_rests_on_a_held_exponent_is_not_told_of_a_plan_either`,
  `test_a_term_that_is_held_at_zero_makes_no_answer_of_no_tokens`)
- ties that hung on the order in which fits are named
  (`test_how_fits_are_named_changes_nothing_of_a_choice_nor_of_a_frontier`)

**Pictures and pages**

- lines of a map that four digits do not tell apart
  (`test_values_of_lines_are_those_of_their_steps`)
- records at the end of a domain, and zeros, that a picture left out without a word
  (`test_a_map_reaches_to_records_at_the_end_of_the_domain`,
  `test_points_at_zero_of_another_input_stand_beside_their_curve`)
- a count of zero among colours, which ended in an error
  (`test_zero_among_counts_has_a_colour_of_its_own`)
- pages made in threads, which changed matplotlib's settings for good
  (`test_pictures_drawn_in_threads_leave_matplotlib_as_it_was`)

**Logs**

- two counts of tokens in one log, of which the order of names or the seed of hashes chose
  (`test_tokens_of_a_trainer_are_the_same_whatever_the_seed_of_hashes`,
  `test_of_two_counts_of_tokens_in_groups_one_must_be_named`)
- empty cells, and NaN, that took the place of losses measured at the same step
  (`test_a_row_without_the_loss_takes_no_measurement_away`,
  `test_what_is_no_number_takes_no_measurement_at_its_step_away`)
- a Trainer's checkpoint of a branch that was given up, read because it went furthest
  (`test_a_state_of_a_run_that_was_given_up_is_not_taken_for_the_run`)

**What a fit says**

- inputs that vary apart, said to vary together where the law is flat
  (`test_where_a_law_is_flat_no_inputs_are_said_to_vary_together`)
- a coefficient at its bound that the table did not say is there
  (`test_a_bound_that_is_said_stands_in_the_table_too`)
- one zero named where three together take the meaning of an exponent
  (`test_losses_equal_to_base_loss_are_no_damage`)
- tokens far below 1, said to look like billions
  (`test_only_counts_that_may_be_billions_are_said_to_look_like_them`)
- other runs that an interval is taken from, where there are none
  (`test_one_row_is_one_record_and_has_no_other_runs`)

**Texts and labels**

- a path with a zero byte (`test_files_that_are_none_are_refused`)
- labels that cannot be compared (`test_runs_need_labels_that_can_be_compared`)
- metrics and schedules that are nested
  (`test_labels_that_a_fit_only_tells_of_are_compared_too`)

**Versions**

- with pandas 2 the names of runs were no categories (`test_names_of_runs_stay_categories`)
- a warning of matplotlib 3.8 in contours (`test_values_of_lines_ask_nothing_that_warns`)
- a promised safetensors that never was; only `benchmarks/versions.py`, which installs the lowest
  versions, sees that

**Faults**

- a checkpoint that torch could not end on a full disk was told in torch's words
  (`test_a_disk_without_room_is_named_whatever_torch_says_of_it`)
- a checkpoint whose pickles name more than tensors and numbers need was read, and is now refused
  (`test_a_checkpoint_whose_list_could_run_code_is_refused`,
  `test_a_checkpoint_whose_numbers_could_run_code_is_refused`)
- a kill left drafts of files of the whole sweep
  (`test_what_a_kill_left_beside_files_of_all_runs_is_cleared_away`)
- a model's config.json named the folder it was made in, so that its fingerprint was another in
  another folder (`test_models_do_not_tell_where_they_were_made`)
"""


def of_cases(tables: Tables) -> list[str]:
    """How many cases there were, and how they ended."""
    rows = tables["targets"]
    results, refused, odd = (
        sum(row[each] for row in rows) for each in ("results", "refused", "unexplained")
    )
    total, slowest = results + refused + odd, max(row["slowest_cpu_s"] for row in rows)
    told = (
        f"Of {total:,} cases {results:,} gave a result, {refused:,} were refused in words and "
        f"{odd:,} stayed unexplained. The slowest took {slowest:.1f} s of the processor."
    )
    return [told]


def of_faults(tables: Tables) -> list[str]:
    """How many trials left equal records, and equal results."""
    rows = tables["faults"]
    names = ("trials", "faults", "again", "equal", "whole", "lost", "doubled", "unforeseen")
    trials, faults, again, equal, whole, lost, doubled, odd = (
        sum(row[each] for row in rows) for each in names
    )
    told = (
        f"After {faults} faults in {trials} sweeps the records of {equal} were equal to those of "
        f"undisturbed ones, and so was all else that {whole} of them left; {again} measurements "
        f"were made again, {lost} lines were lost, {doubled} doubled, {odd} unforeseen."
    )
    return [told]


def of_recovery(tables: Tables) -> list[str]:
    """How many laws were found again."""
    rows = tables["recovery"]
    found, laws = (sum(row[each] for row in rows) for each in ("curves", "laws"))
    return [f"Of {laws:,} laws the curves of {found:,} were found within what the table says."]


def of_versions(tables: Tables) -> list[str]:
    """Whether builds are the same, and how many tests passed."""
    same = sum(row["same the second time"] for row in tables["built"])
    told = [f"{same} of {len(tables['built'])} files were the same when built a second time."]
    if any("second time from" in row for row in tables["built"]):
        told.append("The second time the umask and the seed of Python's hashes were others.")
    rows = [row for row in tables["environments"] if row["tests"] != "none" or row["trouble"]]
    passed, failed = (sum(row[each] or 0 for row in rows) for each in ("passed", "failed"))
    told.append(f"In {len(rows)} environments {passed:,} tests passed and {failed:,} failed.")
    told += [
        f"Not tried, {row['environment']}: {row['why skipped']}."
        for row in tables["environments"]
        if row not in rows
    ]
    bad = [f"{row['environment']}: {row['which failed']}" for row in rows if row.get("failed")]
    bad += [f"{row['environment']}: {row['trouble']}" for row in rows if row.get("trouble")]
    reasons = sorted({each for row in rows if (each := row.get("why skipped"))})
    told += [f"What failed: {'; '.join(bad)}."] if bad else []
    return [*told, f"Why tests were skipped: {'; '.join(reasons)}."] if reasons else told


def of_licences(tables: Tables) -> list[str]:
    """How many packages of each kind."""
    kinds = Counter(row["kind"] for row in tables["packages"])
    rare = sorted(row["package"] for row in tables["packages"] if row["kind"] != "permissive")
    counts = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    told = [f"Of {len(tables['packages'])} packages: {counts}."]
    return [*told, f"Not permissive: {', '.join(rare)}."] if rare else told


def of_audit(tables: Tables) -> list[str]:
    """What is known, and what nobody could be asked about."""
    (summary,) = tables["summary"]
    told = []
    if summary["not asked about"]:
        told.append(
            f"{summary['not asked about']} packages could not be asked about where this was run, "
            f"so nothing is known of them here; `bash .ci/supply` asks again."
        )
    if summary["known"]:
        clean = ("none known", "could not be asked", "pip-audit failed")
        known = [x for x in tables["packages"] if not x["outcome"].startswith(clean)]
        told.append("; ".join(f"{each['package']}: {each['outcome']}" for each in known) + ".")
    return told


def example(said: str) -> str:
    """Words that users are told, without places and names of runs."""
    words = re.sub(r"…/(?:[\w.-]+/)*", "", said)
    words = re.sub(r"^[\w.-]+-[0-9a-f]{10}: ", "", words)
    return re.sub(r"-[0-9a-f]{10}\b", "", words)


def files(tests: str) -> str:
    """Which tests ran: all of a part, or the number of files."""
    count = tests.count(".py")
    return f"{count} files" if count else tests


def short(digest: str) -> str:
    """The beginning of a sha256."""
    return digest[:12]
