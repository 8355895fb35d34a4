import { sendOnce } from "./ui/once.js";

sendOnce();
