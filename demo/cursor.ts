/** The pointer that a client draws by itself: # is black, o is white, the rest is not covered. */
const ARROW = [
  "#",
  "##",
  "#o#",
  "#oo#",
  "#ooo#",
  "#oooo#",
  "#ooooo#",
  "#oooooo#",
  "#ooooooo#",
  "#oooooooo#",
  "#ooooooooo#",
  "#oooooo#####",
  "#ooo#oo#",
  "#oo##oo#",
  "#o#  #oo#",
  "##   #oo#",
  "#     #oo#",
  "      #oo#",
  "       ##",
];

/** Black and white only: noVNC 1.7 swaps red and blue of a cursor's pixels. */
export const POINTER = {
  shape: ARROW,
  width: 12,
  height: ARROW.length,
  hotspot: { x: 0, y: 0 },
};
