import assert from "node:assert/strict";
import { test } from "node:test";

import { dayName, dayOf, untilTomorrow } from "../../chat/static/chat/ui/day.js";

test("a day is the reader's own, whatever the hour", () => {
  assert.equal(dayOf(new Date(2030, 0, 5)), "2030-01-05");
  assert.equal(dayOf(new Date(2030, 11, 31, 23, 59, 59, 999)), "2030-12-31");
  assert.equal(dayOf(new Date("no date")), "");
});

test("a day has its name as seen from now", () => {
  const table = [
    [[2030, 0, 1, 0, 0, 0], "2030-01-01", "Today"],
    [[2030, 0, 1, 0, 0, 0], "2029-12-31", "Yesterday"],
    [[2030, 2, 1, 23, 59, 59], "2030-02-28", "Yesterday"],
    [[2030, 0, 1], "2029-12-30", "Sunday 30 December 2029"],
    [[2030, 0, 1], "2030-01-02", "Wednesday 2 January 2030"],
  ];
  for (const [now, day, name] of table) assert.equal(dayName(day, new Date(...now), "en-GB").replace(",", ""), name);
});

test("the day ends at midnight", () => {
  assert.equal(untilTomorrow(new Date(2030, 5, 15, 23, 59, 58)), 2000);
  assert.equal(untilTomorrow(new Date(2030, 5, 15)), 24 * 3_600_000);
});
