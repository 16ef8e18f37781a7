import type { Driver } from './driver.ts';

const drivers = new WeakMap<object, Driver>();

/** Notes which driver a messaging works with, for what is built upon it. */
export function keepDriver(messaging: object, driver: Driver): void {
  drivers.set(messaging, driver);
}

/** @throws TypeError when the messaging does not come from `createMessaging` */
export function driverOf(messaging: object): Driver {
  const driver = drivers.get(messaging);
  if (driver) return driver;
  throw new TypeError('messaging must come from createMessaging()');
}
