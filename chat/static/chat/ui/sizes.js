/** How much of a room the page shows, and how far the window on it moves at once. */
export const MAX_LINES = 500;
export const STEP_LINES = 50;
/** How much of a room is held while somebody reads back; what is beyond it is fetched again. */
export const MAX_HELD = 5000;
