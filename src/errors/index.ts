/** The one kind of error that crosses a room's door, and what becomes of it: a status, an exit code, a text, plain data. */
export { type ErrorData, errorData, errorOf } from './data.ts';
export {
  type Code,
  type ErrorDetails,
  explain,
  ModgateError,
  systemCode,
  toModgateError,
} from './error.ts';
