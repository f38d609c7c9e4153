// What an alarm's handler is told.
import { illegalConstructor, platform } from "./seam";

export class AlarmInvocationInfo {
  declare retryCount: number;
  declare isRetry: boolean;
  declare scheduledTime: number;
  constructor(token?: unknown, retryCount?: number, scheduledTime?: number) {
    illegalConstructor(token);
    this.retryCount = retryCount!;
    this.isRetry = retryCount! > 0;
    this.scheduledTime = scheduledTime!;
  }
}

platform({ AlarmInvocationInfo });
