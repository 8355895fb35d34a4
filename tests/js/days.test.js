import assert from "node:assert/strict";
import { test } from "node:test";

import { Days } from "../../chat/static/chat/ui/days.js";

const here = new Days({ locale: "en-GB" });
const at = (timeZone) => new Days({ locale: "en-GB", timeZone });

test("a day is the reader's own, whatever the hour", () => {
  assert.equal(here.of(new Date(2030, 0, 5)), "2030-01-05");
  assert.equal(here.of(new Date(2030, 11, 31, 23, 59, 59, 999)), "2030-12-31");
  assert.equal(here.of(new Date("no date")), "");
});

test("a day is that of a chosen time zone", () => {
  const moment = new Date("2030-01-01T10:30:00Z");
  const table = { "Pacific/Kiritimati": "2030-01-02", "Asia/Kathmandu": "2030-01-01", "Pacific/Pago_Pago": "2029-12-31" };
  for (const [zone, day] of Object.entries(table)) assert.equal(at(zone).of(moment), day, zone);
});

test("a day has its name as seen from now", () => {
  const table = [
    [[2030, 0, 1, 0, 0, 0], "2030-01-01", "Today"],
    [[2030, 0, 1, 0, 0, 0], "2029-12-31", "Yesterday"],
    [[2030, 2, 1, 23, 59, 59], "2030-02-28", "Yesterday"],
    [[2030, 0, 1], "2029-12-30", "Sunday 30 December 2029"],
    [[2030, 0, 1], "2030-01-02", "Wednesday 2 January 2030"],
  ];
  for (const [now, day, name] of table) assert.equal(here.name(day, new Date(...now)).replace(",", ""), name);
});

test("the day ends at midnight", () => {
  assert.equal(here.untilTomorrow(new Date(2030, 5, 15, 23, 59, 58)), 2000);
  assert.equal(here.untilTomorrow(new Date(2030, 5, 15)), 24 * 3_600_000);
});

test("a day has 23 or 25 hours where the clock is set, and its midnight is the zone's", () => {
  const hours = (zone, now) => at(zone).untilTomorrow(new Date(now)) / 3_600_000;
  assert.equal(hours("Europe/Berlin", "2030-03-30T23:00:00Z"), 23);
  assert.equal(hours("Europe/Berlin", "2030-10-26T22:00:00Z"), 25);
  assert.equal(hours("Asia/Kathmandu", "2030-01-01T18:00:00Z"), 0.25);
});
